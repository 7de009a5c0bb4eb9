package transitcmac

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/api"
)

// call is one request to the Transit engine.
type call struct {
	op   string         // first path segment: cmac, keys, verify
	name string         // of the key
	tail string         // rest of the path, such as "/rotate"
	body map[string]any // nil reads
}

// do carries out one call within the timeout and maps its error. A key that is
// not there gives no secret and no error when it is read.
func (c *Custody) do(ctx context.Context, r call) (*api.Secret, error) {
	limited, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	path := c.opts.Mount + "/" + r.op + "/" + r.name + r.tail
	begin := time.Now()
	var secret *api.Secret
	var err error
	if r.body == nil {
		secret, err = c.client.Logical().ReadWithContext(limited, path)
	} else {
		secret, err = c.client.Logical().WriteWithContext(limited, path, r.body)
	}
	c.opts.Logger.DebugContext(ctx, "vault call", "path", path, "status", status(err), "ms", time.Since(begin).Milliseconds())
	if err != nil {
		return nil, c.explain(ctx, limited, path, err)
	}
	return secret, nil
}

// status is the HTTP status for the log; 0 when there was no answer.
func status(err error) int {
	refused := new(api.ResponseError)
	switch {
	case err == nil:
		return 200
	case errors.As(err, &refused):
		return refused.StatusCode
	}
	return 0
}
