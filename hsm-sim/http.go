package hsmsim

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// operation is what Vault makes of an HTTP method.
type operation string

const (
	readOperation   operation = "read"
	listOperation   operation = "list"
	updateOperation operation = "update"
	deleteOperation operation = "delete"
)

// call is one authenticated request on its way to a handler.
type call struct {
	token  string
	name   string // the key in the path
	suffix string // what follows the key in the path
	fields fields
}

type handler func(*Server, *call) (*reply, error)

// route binds a path to handlers. The first two groups of the pattern, if
// there are any, are the key's name and what follows it.
type route struct {
	pattern  *regexp.Regexp
	mount    string
	known    []string // parameters in the body
	handlers map[operation]handler
}

// nameClass is framework.GenericNameRegex of Vault's SDK.
const nameClass = `(\w(?:[\w\-.]*\w)?)`

var keyName = regexp.MustCompile(`^` + nameClass + `$`)

var routes = []route{
	{regexp.MustCompile(`^auth/token/lookup-self$`), "token", nil,
		map[operation]handler{readOperation: (*Server).lookupSelf}},
	{regexp.MustCompile(`^auth/token/renew-self$`), "token", []string{"increment", "token"},
		map[operation]handler{updateOperation: (*Server).renewSelf}},
	{regexp.MustCompile(`^transit/keys/?$`), "transit", nil,
		map[operation]handler{listOperation: (*Server).listKeys}},
	{regexp.MustCompile(`^transit/keys/` + nameClass + `$`), "transit", keyFields,
		map[operation]handler{
			readOperation:   (*Server).readKey,
			updateOperation: (*Server).createKey,
			deleteOperation: (*Server).deleteKey,
		}},
	{regexp.MustCompile(`^transit/keys/` + nameClass + `/rotate$`), "transit", rotateFields,
		map[operation]handler{updateOperation: (*Server).rotateKey}},
	{regexp.MustCompile(`^transit/keys/` + nameClass + `/config$`), "transit", configFields,
		map[operation]handler{updateOperation: (*Server).configureKey}},
	{regexp.MustCompile(`^transit/verify/` + nameClass + `(?:/(.+))?$`), "transit", verifyFields,
		map[operation]handler{updateOperation: (*Server).verify}},
}

// cmacRoute exists in Enterprise only; in Community its path is unknown.
var cmacRoute = route{regexp.MustCompile(`^transit/cmac/` + nameClass + `(?:/(.+))?$`), "transit", cmacFields,
	map[operation]handler{updateOperation: (*Server).cmac}}

// Handler serves the Vault HTTP API under /v1/.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(s.serveHTTP)
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	start := s.now()
	recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	w.Header().Set("Cache-Control", "no-store")
	err := s.answer(recorder, r, id)
	s.log.Info("request", "request_id", id, "method", r.Method, "path", r.URL.Path,
		"status", recorder.status, "duration", s.now().Sub(start))
	if err != nil {
		s.log.Warn("answer not delivered", "request_id", id, "error", err)
	}
	if errors.Is(err, ErrDropConnection) {
		panic(http.ErrAbortHandler)
	}
}

// answer writes the whole response. Its error means that the client did not
// get it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, id string) error {
	if hook := s.fault.Load(); hook != nil {
		if err := (*hook)(r); err != nil {
			return answerFault(w, err)
		}
	}
	path, found := strings.CutPrefix(r.URL.Path, "/v1/")
	switch {
	case !found:
		return writeRefusal(w, errNotFound)
	case path == "sys/health":
		return s.health(w, r)
	case path == "sys/seal-status":
		return s.sealStatus(w, r)
	}
	mount, reply, err := s.logical(w, r, path)
	if err != nil {
		refused := asRefusal(err)
		if refused.cause != nil {
			s.log.Warn("request refused", "request_id", id, "error", refused.cause)
		}
		return writeRefusal(w, refused)
	}
	return writeReply(w, id, mount, reply)
}

func answerFault(w http.ResponseWriter, err error) error {
	if errors.Is(err, ErrDropConnection) {
		return err
	}
	if fault, ok := errors.AsType[*Fault](err); ok {
		return writeErrors(w, fault.Status, fault.Errors)
	}
	return writeRefusal(w, asRefusal(err))
}

// logical checks a request in Vault's order (namespace, seal, token, path,
// operation, body) and runs its handler.
func (s *Server) logical(w http.ResponseWriter, r *http.Request, path string) (mount string, _ *reply, _ error) {
	if err := checkNamespace(r); err != nil {
		return "", nil, err
	}
	if s.sealed.Load() {
		return "", nil, errSealed
	}
	token := requestToken(r)
	if err := s.checkToken(token); err != nil {
		return "", nil, err
	}
	matched, groups, err := s.find(path)
	if err != nil {
		return "", nil, err
	}
	handle, ok := matched.handlers[operationOf(r)]
	if !ok {
		return "", nil, errUnsupportedOperation
	}
	body, err := readFields(w, r)
	if err != nil {
		return "", nil, err
	}
	c := &call{token: token, name: groups[0], suffix: groups[1], fields: body}
	reply, err := handle(s, c)
	if err != nil {
		return "", nil, err
	}
	return matched.mount, warnUnrecognized(reply, body.unrecognized(matched.known)), nil
}

// warnUnrecognized adds the warning of Vault's framework to an answer.
func warnUnrecognized(r *reply, unknown []string) *reply {
	if len(unknown) > 0 && r != nil {
		r.warnings = append(r.warnings, fmt.Sprintf("Endpoint ignored these unrecognized parameters: %v", unknown))
	}
	return r
}

// find gives the route of a path with its two groups, "" where there is none.
func (s *Server) find(path string) (*route, [2]string, error) {
	for i := range routes {
		if groups, ok := routes[i].match(path); ok {
			return &routes[i], groups, nil
		}
	}
	if groups, ok := cmacRoute.match(path); ok && s.edition == Enterprise {
		return &cmacRoute, groups, nil
	}
	for _, mount := range []string{"transit/", "auth/token/", "sys/"} {
		if strings.HasPrefix(path, mount) {
			return nil, [2]string{}, errUnsupportedPath
		}
	}
	return nil, [2]string{}, &refusal{status: http.StatusNotFound,
		message: fmt.Sprintf("no handler for route %q. route entry not found.", path)}
}

func (t *route) match(path string) (groups [2]string, ok bool) {
	found := t.pattern.FindStringSubmatch(path)
	if found == nil {
		return groups, false
	}
	copy(groups[:], found[1:])
	return groups, true
}

func operationOf(r *http.Request) operation {
	switch r.Method {
	case http.MethodGet:
		if list, err := strconv.ParseBool(r.URL.Query().Get("list")); err == nil && list {
			return listOperation
		}
		return readOperation
	case "LIST":
		return listOperation
	case http.MethodPost, http.MethodPut:
		return updateOperation
	case http.MethodDelete:
		return deleteOperation
	}
	return ""
}

// checkNamespace refuses namespaces, an Enterprise feature that is not here.
func checkNamespace(r *http.Request) error {
	namespace := strings.Trim(r.Header.Get("X-Vault-Namespace"), "/")
	if namespace == "" || namespace == "root" {
		return nil
	}
	return badRequest("namespace %q does not exist: hsm-sim, a simulator of Vault, has the root namespace only; "+
		"unset VAULT_NAMESPACE", namespace)
}

// statusRecorder remembers the status for the log.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController and http.MaxBytesReader.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
