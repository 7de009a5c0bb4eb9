package authz

import "badgekms/kms/pki"

// Groups of roles that several rows share.
var (
	readers   = []pki.Role{pki.Terminal, pki.Station}
	stations  = []pki.Role{pki.Station}
	office    = []pki.Role{pki.Station, pki.Operator, pki.Officer}
	officers  = []pki.Role{pki.Officer}
	auditors  = []pki.Role{pki.Officer, pki.Monitor}
	engineers = []pki.Role{pki.Operator, pki.Officer}
	clients   = []pki.Role{pki.Terminal, pki.Station, pki.Operator, pki.Officer, pki.Directory, pki.Monitor}
)

// Methods says who may call which gRPC method of the KMS. What a caller may
// have done to a card inside ConversationService is in Procedures.
func Methods() (*Table, error) {
	return NewMethodTable(Rows{
		"/badgekms.v1.ConversationService/GetScript": readers,
		"/badgekms.v1.ConversationService/Converse":  readers,

		"/badgekms.v1.HolderService/CreateHolder": office,
		"/badgekms.v1.HolderService/ListHolders":  office,

		"/badgekms.v1.BadgeService/GetBadge":      office,
		"/badgekms.v1.BadgeService/ListBadges":    office,
		"/badgekms.v1.BadgeService/HandOverBadge": office,

		"/badgekms.v1.DomainService/CreateDomain": officers,
		"/badgekms.v1.DomainService/ListDomains":  officers,

		"/badgekms.v1.AuditService/ExportAudit": auditors,

		"/grpc.health.v1.Health/Check": clients,
		"/grpc.health.v1.Health/List":  clients,
		"/grpc.health.v1.Health/Watch": clients,

		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      engineers,
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": engineers,
	})
}

// Procedures says whose reader may ask for which procedure (DESIGN §7). The
// names are those of the API's Procedure, in lower case.
func Procedures() (*Table, error) {
	return NewTable(Rows{
		"authenticate": readers,
		"inspect":      stations,
		"provision":    stations,
	})
}
