package hsmsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxBodyBytes is Vault's default max_request_size.
const maxBodyBytes = 32 << 20

// fields are the parameters in the body of a request. Numbers are json.Number.
type fields map[string]any

// readFields decodes a request body: a JSON object, or nothing, or null.
func readFields(w http.ResponseWriter, r *http.Request) (fields, error) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	decoder.UseNumber()
	var f fields
	err := decoder.Decode(&f)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil {
		err = expectEnd(decoder)
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, message: "http: request body too large", cause: err}
	}
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, message: "error parsing JSON", cause: err}
	}
	return f, nil
}

func expectEnd(decoder *json.Decoder) error {
	_, err := decoder.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return errors.New("data after the end of the JSON object")
}

// has tells whether a parameter was given; null counts as not given.
func (f fields) has(name string) bool { return f[name] != nil }

// text reads a string parameter, "" when it was not given. Like Vault it takes
// a number for a string.
func (f fields) text(name string) (string, error) {
	switch v := f[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	default:
		return "", invalidField(name, "expected type 'string'")
	}
}

// integer reads an int parameter, 0 when it was not given. Like Vault it takes
// a string of digits for a number.
func (f fields) integer(name string) (int, error) {
	var digits string
	switch v := f[name].(type) {
	case nil:
		return 0, nil
	case json.Number:
		digits = v.String()
	case string:
		digits = v
	default:
		return 0, invalidField(name, "expected type 'int'")
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, invalidField(name, fmt.Sprintf("cannot parse %q as an int", digits))
	}
	return n, nil
}

// boolean reads a bool parameter, false when it was not given. Like Vault it
// takes "true", "1" and the like.
func (f fields) boolean(name string) (bool, error) {
	var word string
	switch v := f[name].(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case string:
		word = v
	case json.Number:
		word = v.String()
	default:
		return false, invalidField(name, "expected type 'bool'")
	}
	b, err := strconv.ParseBool(word)
	if err != nil {
		return false, invalidField(name, fmt.Sprintf("cannot parse %q as a bool", word))
	}
	return b, nil
}

func invalidField(name, why string) error {
	return badRequest("Field validation failed: error converting input for field %q: %s", name, why)
}

// unrecognized lists given parameters that an endpoint does not know, sorted.
func (f fields) unrecognized(known []string) []string {
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// refuseUnsupported answers 400 for parameters that Vault has and this
// simulator has not, when they ask for something: pretending would mislead.
// False, 0 and "" are Vault's defaults and ask for nothing.
func (f fields) refuseUnsupported(names ...string) error {
	for _, name := range names {
		switch v := f[name].(type) {
		case nil:
			continue
		case bool:
			if !v {
				continue
			}
		case string:
			if slices.Contains([]string{"", "0", "0s", "false"}, strings.ToLower(v)) {
				continue
			}
		case json.Number:
			if v.String() == "0" {
				continue
			}
		}
		return badRequest("%s is not supported by hsm-sim, a simulator of Vault: leave it out", name)
	}
	return nil
}
