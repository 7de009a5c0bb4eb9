package server

import (
	"context"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"badgekms/kms/audit"
	"badgekms/kms/authz"
	"badgekms/kms/domain"
	"badgekms/kms/keyring"
	"badgekms/kms/office"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// actor is who calls, for the audit log.
func actor(ctx context.Context) (audit.Actor, error) {
	id, err := authz.FromContext(ctx)
	return audit.Actor{Workload: id.String(), Station: id.Name}, err
}

// defaultPage is the size of a page that does not say.
const defaultPage = 100

func page(size uint32, token string) registry.Page {
	if size == 0 {
		size = defaultPage
	}
	return registry.Page{Token: token, Size: int(min(size, registry.MaxPageSize))}
}

func moment(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// domains serves DomainService.
type domains struct {
	badgekmsv1.UnsafeDomainServiceServer
	service *domain.Service
}

// CreateDomain implements the method of the API.
func (s *domains) CreateDomain(ctx context.Context, r *badgekmsv1.CreateDomainRequest) (*badgekmsv1.CreateDomainResponse, error) {
	who, err := actor(ctx)
	if err != nil {
		return nil, err
	}
	kind := keyring.Authentication
	switch r.GetKind() {
	case badgekmsv1.DomainKind_DOMAIN_KIND_ADMIN:
		kind = keyring.Admin
	case badgekmsv1.DomainKind_DOMAIN_KIND_AUTHENTICATION:
	default:
		return nil, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "kind is missing; say admin or authentication")
	}
	d, err := s.service.Create(ctx, who, r.GetName(), kind, r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &badgekmsv1.CreateDomainResponse{Domain: domainMessage(d)}, nil
}

// ListDomains implements the method of the API.
func (s *domains) ListDomains(context.Context, *badgekmsv1.ListDomainsRequest) (*badgekmsv1.ListDomainsResponse, error) {
	all, err := s.service.List()
	if err != nil {
		return nil, err
	}
	r := &badgekmsv1.ListDomainsResponse{}
	for _, d := range all {
		r.Domains = append(r.Domains, domainMessage(d))
	}
	return r, nil
}

func domainMessage(d domain.Domain) *badgekmsv1.Domain {
	m := &badgekmsv1.Domain{Name: d.Name, Kind: badgekmsv1.DomainKind_DOMAIN_KIND_AUTHENTICATION}
	if d.Kind == keyring.Admin {
		m.Kind = badgekmsv1.DomainKind_DOMAIN_KIND_ADMIN
	}
	for _, g := range d.Generations {
		m.Generations = append(m.Generations, &badgekmsv1.Generation{
			Number: uint32(g.Number), State: string(g.State), CardKeyVersion: uint32(g.CardKeyVersion),
			CustodyKey: g.KeyName, CustodyVersion: uint32(g.KeyVersion), Kcv: g.KCV[:], CreatedAt: moment(g.Created),
		})
	}
	return m
}

// holders serves HolderService.
type holders struct {
	badgekmsv1.UnsafeHolderServiceServer
	office *office.Office
}

// CreateHolder implements the method of the API.
func (s *holders) CreateHolder(ctx context.Context, r *badgekmsv1.CreateHolderRequest) (*badgekmsv1.CreateHolderResponse, error) {
	who, err := actor(ctx)
	if err != nil {
		return nil, err
	}
	h := r.GetHolder()
	created, err := s.office.CreateHolder(ctx, who, registry.Holder{ID: h.GetId(), Name: h.GetName(), Unit: h.GetUnit()}, r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &badgekmsv1.CreateHolderResponse{Holder: holderMessage(created)}, nil
}

// ListHolders implements the method of the API.
func (s *holders) ListHolders(ctx context.Context, r *badgekmsv1.ListHoldersRequest) (*badgekmsv1.ListHoldersResponse, error) {
	list, err := s.office.Holders(ctx, page(r.GetPageSize(), r.GetPageToken()))
	if err != nil {
		return nil, err
	}
	m := &badgekmsv1.ListHoldersResponse{NextPageToken: list.Next}
	for _, h := range list.Items {
		m.Holders = append(m.Holders, holderMessage(h))
	}
	return m, nil
}

func holderMessage(h registry.Holder) *badgekmsv1.Holder {
	return &badgekmsv1.Holder{Id: h.ID, Name: h.Name, Unit: h.Unit, CreatedAt: moment(h.Created)}
}

// badges serves BadgeService.
type badges struct {
	badgekmsv1.UnsafeBadgeServiceServer
	office *office.Office
}

// GetBadge implements the method of the API.
func (s *badges) GetBadge(ctx context.Context, r *badgekmsv1.GetBadgeRequest) (*badgekmsv1.GetBadgeResponse, error) {
	by := office.Find{ID: r.GetId(), UID: r.GetUid(), CredentialNumber: r.GetCredentialNumber()}
	if by.ID == "" && len(by.UID) == 0 && len(by.CredentialNumber) == 0 {
		return nil, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "name the badge by id, uid or credential_number")
	}
	f, err := s.office.Badge(ctx, by)
	if err != nil {
		return nil, err
	}
	return &badgekmsv1.GetBadgeResponse{Badge: badgeMessage(f)}, nil
}

// ListBadges implements the method of the API.
func (s *badges) ListBadges(ctx context.Context, r *badgekmsv1.ListBadgesRequest) (*badgekmsv1.ListBadgesResponse, error) {
	files, next, err := s.office.Badges(ctx, r.GetHolderId(), page(r.GetPageSize(), r.GetPageToken()))
	if err != nil {
		return nil, err
	}
	m := &badgekmsv1.ListBadgesResponse{NextPageToken: next}
	for _, f := range files {
		m.Badges = append(m.Badges, badgeMessage(f))
	}
	return m, nil
}

// HandOverBadge implements the method of the API.
func (s *badges) HandOverBadge(ctx context.Context, r *badgekmsv1.HandOverBadgeRequest) (*badgekmsv1.HandOverBadgeResponse, error) {
	who, err := actor(ctx)
	if err != nil {
		return nil, err
	}
	var expiry time.Time
	if r.GetExpiresAt() != nil {
		if err := r.GetExpiresAt().CheckValid(); err != nil {
			return nil, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "expires_at is not a time between the years 1 and 9999")
		}
		expiry = r.GetExpiresAt().AsTime()
	}
	f, err := s.office.HandOver(ctx, who, r.GetId(), r.GetIdentityEvidence(), expiry)
	if err != nil {
		return nil, err
	}
	return &badgekmsv1.HandOverBadgeResponse{Badge: badgeMessage(f)}, nil
}

func badgeMessage(f office.BadgeFile) *badgekmsv1.Badge {
	m := &badgekmsv1.Badge{
		Id: f.ID, Uid: f.UID, State: string(f.State), Product: string(f.CardType), HolderId: f.Holder,
		ExpiresAt: moment(f.Expiry), FirstStation: f.FirstStation, FirstConversation: f.FirstConversation,
	}
	if f.State != registry.Reserved && f.State != registry.Stock {
		m.CredentialNumber = f.CredentialNumber
	}
	for _, s := range f.Slots {
		m.Slots = append(m.Slots, &badgekmsv1.Slot{
			Aid: s.AID[:], Number: uint32(s.Slot), Domain: s.Key.Domain, Generation: s.Key.Generation,
			Issue: uint32(s.Key.Issue), State: string(s.State),
		})
	}
	return m
}

// auditLog serves AuditService.
type auditLog struct {
	badgekmsv1.UnsafeAuditServiceServer
	tree audit.Reader
}

// ExportAudit implements the method of the API.
func (s *auditLog) ExportAudit(_ *badgekmsv1.ExportAuditRequest, stream grpc.ServerStreamingServer[badgekmsv1.ExportAuditResponse]) error {
	checkpoint, err := s.tree.LatestCheckpoint(stream.Context())
	if err != nil {
		return err
	}
	if checkpoint.Size == 0 {
		return reason.New(badgekmsv1.Reason_REASON_STATE_INVALID, "the audit log has no sequenced record yet; try again in a few seconds")
	}
	_, err = audit.Export(stream.Context(), exportWriter{stream}, s.tree)
	return err
}

// exportWriter cuts what is written into messages.
type exportWriter struct {
	stream grpc.ServerStreamingServer[badgekmsv1.ExportAuditResponse]
}

// exportChunk bounds one message of an export, in bytes.
const exportChunk = 32 << 10

func (w exportWriter) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		part := b[:min(len(b), exportChunk)]
		if err := w.stream.Send(&badgekmsv1.ExportAuditResponse{Data: part}); err != nil {
			return n, err
		}
		n += len(part)
		b = b[len(part):]
	}
	return n, nil
}

var _ io.Writer = exportWriter{}
