package reason

import (
	"context"

	"badgekms/kms/custody"
	"badgekms/kms/keyring"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
	"badgekms/reader/relay"
)

// sentinels maps the errors of the packages below. The first match wins: what
// happened on the way to the card comes before what the card then seemed to
// say.
var sentinels = []struct {
	err    error
	reason badgekmsv1.Reason
}{
	{registry.ErrBusy, badgekmsv1.Reason_REASON_BADGE_BUSY},
	{registry.ErrFenced, badgekmsv1.Reason_REASON_CONVERSATION_SUPERSEDED},
	{registry.ErrExhausted, badgekmsv1.Reason_REASON_ISSUE_NUMBERS_EXHAUSTED},
	{registry.ErrConflict, badgekmsv1.Reason_REASON_CONCURRENT_CHANGE},
	{registry.ErrTransition, badgekmsv1.Reason_REASON_STATE_INVALID},
	{registry.ErrCorrupt, badgekmsv1.Reason_REASON_STORAGE_FAILED},
	{registry.ErrStorage, badgekmsv1.Reason_REASON_STORAGE_FAILED},
	{registry.ErrClosed, badgekmsv1.Reason_REASON_KMS_STOPPING},

	{custody.ErrUnavailable, badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE},
	{custody.ErrDenied, badgekmsv1.Reason_REASON_CUSTODY_DENIED},
	{custody.ErrUnsupported, badgekmsv1.Reason_REASON_CUSTODY_UNSUPPORTED},
	{custody.ErrShortM, badgekmsv1.Reason_REASON_CUSTODY_UNSUPPORTED},
	{custody.ErrWrongAnswer, badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE},
	{custody.ErrUnknownMaster, badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN},

	{keyring.ErrUnknownDomain, badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN},
	{keyring.ErrNoActive, badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN},

	{reader.ErrRemoved, badgekmsv1.Reason_REASON_CARD_REMOVED},
	{reader.ErrNoCard, badgekmsv1.Reason_REASON_CARD_REMOVED},
	{reader.ErrReader, badgekmsv1.Reason_REASON_READER_FAILED},
	{reader.ErrMalformed, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
	{relay.ErrSilent, badgekmsv1.Reason_REASON_RELAY_SILENT},
	{relay.ErrClosed, badgekmsv1.Reason_REASON_CARD_REMOVED},
	{relay.ErrDisconnected, badgekmsv1.Reason_REASON_RELAY_SILENT},
	{context.DeadlineExceeded, badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT},
	{context.Canceled, badgekmsv1.Reason_REASON_CARD_REMOVED},

	// Cards that are no DESFire answer so to the class byte 90.
	{apdu.StatusISOUnknownClass, badgekmsv1.Reason_REASON_CARD_UNSUPPORTED},
	{apdu.StatusISOUnknownInstruction, badgekmsv1.Reason_REASON_CARD_UNSUPPORTED},
	{apdu.StatusPermissionDenied, badgekmsv1.Reason_REASON_CARD_LOCKED},
	{apdu.StatusOutOfMemory, badgekmsv1.Reason_REASON_CARD_FULL},
	{apdu.StatusCountError, badgekmsv1.Reason_REASON_CARD_FULL},
	{desfire.ErrAuthentication, badgekmsv1.Reason_REASON_CARD_ERROR},
	{desfire.ErrSessionOver, badgekmsv1.Reason_REASON_CARD_ERROR},
	{desfire.ErrIntegrity, badgekmsv1.Reason_REASON_CARD_ERROR},
	{desfire.ErrIncomplete, badgekmsv1.Reason_REASON_CARD_ERROR},
	{desfire.ErrAnswer, badgekmsv1.Reason_REASON_CARD_ERROR},
}
