package hsmsim

import "io"

const forcedMinimum = "since Vault 0.3, transit key numbering starts at 1; forcing minimum to 1"

// configureKey serves POST transit/keys/:name/config. All parameters are
// checked together and applied together, or none is.
func (s *Server) configureKey(c *call) (*reply, error) {
	if err := c.fields.refuseUnsupported(unsupportedConfigFields...); err != nil {
		return nil, err
	}
	missing := badRequest("no existing key named %s could be found", c.name)
	r, err := s.changeKey(c.name, missing, func(key transitKey, _ io.Reader) (transitKey, error) {
		return configured(key, c.fields)
	})
	if err != nil {
		return nil, err
	}
	if asked, err := c.fields.integer("min_decryption_version"); err == nil && asked == 0 && c.fields.has("min_decryption_version") {
		r.warnings = append(r.warnings, forcedMinimum)
	}
	return r, nil
}

// configured applies the given parameters to a key.
func configured(key transitKey, f fields) (transitKey, error) {
	if f.has("min_decryption_version") {
		n, err := minimumVersion(key, f, "decryption")
		if err != nil {
			return key, err
		}
		key.minDecryption = max(n, 1)
	}
	if f.has("min_encryption_version") {
		n, err := minimumVersion(key, f, "encryption")
		if err != nil {
			return key, err
		}
		key.minEncryption = n
	}
	if key.minEncryption > 0 && key.minEncryption < key.minDecryption {
		return key, badRequest("cannot set min encryption/decryption values; min encryption version of %d "+
			"must be greater than or equal to min decryption version of %d", key.minEncryption, key.minDecryption)
	}
	if f.has("deletion_allowed") {
		allowed, err := f.boolean("deletion_allowed")
		if err != nil {
			return key, err
		}
		key.deletionAllowed = allowed
	}
	return key, nil
}

// minimumVersion reads min_decryption_version or min_encryption_version.
func minimumVersion(key transitKey, f fields, use string) (int, error) {
	n, err := f.integer("min_" + use + "_version")
	switch {
	case err != nil:
		return 0, err
	case n < 0:
		return 0, badRequest("min %s version cannot be negative", use)
	case n > key.latest():
		return 0, badRequest("cannot set min %s version of %d, latest key version is %d", use, n, key.latest())
	}
	return n, nil
}
