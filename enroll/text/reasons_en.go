package text

import badgekmsv1 "badgekms/proto/badgekms/v1"

// reasonsEnglish says the same as reasonsFrench.
var reasonsEnglish = map[badgekmsv1.Reason]Entry{
	badgekmsv1.Reason_REASON_UNSPECIFIED: {
		Text: "All is well.",
		Cure: "Nothing to do.",
	},
	badgekmsv1.Reason_REASON_BADGE_UNKNOWN: {
		Text: "This badge is not known to the establishment.",
		Cure: "Check that it is a badge of this establishment; if not, have one encoded at the badge office.",
	},
	badgekmsv1.Reason_REASON_BADGE_NOT_HANDED_OVER: {
		Text: "This badge is encoded, but its hand-over was not recorded.",
		Cure: "At the badge office, check the holder's identity and record the hand-over.",
	},
	badgekmsv1.Reason_REASON_BADGE_SUSPENDED: {
		Text: "This badge is suspended.",
		Cure: "Ask the badge office, which can lift the suspension.",
	},
	badgekmsv1.Reason_REASON_BADGE_LOST: {
		Text: "This badge was declared lost.",
		Cure: "Keep the badge and tell the badge office.",
	},
	badgekmsv1.Reason_REASON_BADGE_STOLEN: {
		Text: "This badge was declared stolen.",
		Cure: "Keep the badge if possible and tell security.",
	},
	badgekmsv1.Reason_REASON_BADGE_ENDED: {
		Text: "This badge is no longer in service.",
		Cure: "Ask the badge office for a new badge.",
	},
	badgekmsv1.Reason_REASON_BADGE_EXPIRED: {
		Text: "The validity of this badge is over.",
		Cure: "Have the badge renewed at the badge office.",
	},
	badgekmsv1.Reason_REASON_BADGE_INCOMPLETE: {
		Text: "The enrolment of this badge was interrupted.",
		Cure: "Put the card back on the station's reader: the enrolment goes on where it stopped.",
	},
	badgekmsv1.Reason_REASON_BADGE_QUARANTINED: {
		Text: "This badge is set aside: its content cannot be established for certain.",
		Cure: "Do not try to encode it again; take another card and give this one to the person in charge of badges.",
	},
	badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED: {
		Text: "This card already is a badge of the establishment.",
		Cure: "Take a blank card, or show this badge to see whom it is assigned to.",
	},
	badgekmsv1.Reason_REASON_BADGE_BUSY: {
		Text: "Another operation is under way on this badge.",
		Cure: "Wait a few seconds, then present the card again.",
	},
	badgekmsv1.Reason_REASON_APPLICATION_MISSING: {
		Text: "This card does not hold the establishment's area.",
		Cure: "Check that it is the right badge; if it is, have it encoded at the badge office.",
	},
	badgekmsv1.Reason_REASON_APPLICATION_OCCUPIED: {
		Text: "The area meant for the establishment is taken on this card already, and was not written here.",
		Cure: "Take another card and give this one to the person in charge of badges.",
	},
	badgekmsv1.Reason_REASON_KEY_REFUSED: {
		Text: "The card does not hold the key that this badge must hold: it may be a copy.",
		Cure: "Keep the card and tell security.",
	},
	badgekmsv1.Reason_REASON_PROTOCOL_DOWNGRADED: {
		Text: "The card answers with an older protocol than this badge's: it may be a copy.",
		Cure: "Keep the card and tell security.",
	},
	badgekmsv1.Reason_REASON_UID_RANDOM: {
		Text: "This card shows another number at each reading; it is not suitable.",
		Cure: "Take a card of another batch and report this one to the person in charge of badges.",
	},
	badgekmsv1.Reason_REASON_UID_MISMATCH: {
		Text: "The number that the card proves is not the one it shows: it may be a copy.",
		Cure: "Keep the card and tell security.",
	},
	badgekmsv1.Reason_REASON_CARD_UNSUPPORTED: {
		Text: "This type of card is not provided for by the establishment.",
		Cure: "Take a card of the model that was ordered for badges.",
	},
	badgekmsv1.Reason_REASON_CARD_NOT_GENUINE: {
		Text: "The manufacturer's originality signature is missing or wrong.",
		Cure: "Do not use this card; put the batch aside and tell the person in charge of badges.",
	},
	badgekmsv1.Reason_REASON_CARD_FULL: {
		Text: "There is not enough room left on this card.",
		Cure: "Take a blank card, or one with more memory.",
	},
	badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN: {
		Text: "This card is protected by a key that the system does not know.",
		Cure: "Take a new card; if it comes from a delivered batch, tell the person in charge of badges.",
	},
	badgekmsv1.Reason_REASON_TRIALS_EXHAUSTED: {
		Text: "Too many trials failed: the card is left alone so that it does not lock.",
		Cure: "Take another card and give this one to the person in charge of badges.",
	},
	badgekmsv1.Reason_REASON_ISSUE_NUMBERS_EXHAUSTED: {
		Text: "This card was encoded too many times.",
		Cure: "Take another card and remove this one from the stock.",
	},
	badgekmsv1.Reason_REASON_CARD_LOCKED: {
		Text: "The settings of this card forbid a step of the enrolment.",
		Cure: "Take another card and report the batch to the person in charge of badges.",
	},
	badgekmsv1.Reason_REASON_CARD_REMOVED: {
		Text: "The card left the reader before the end.",
		Cure: "Put the card back and leave it until the end.",
	},
	badgekmsv1.Reason_REASON_READER_FAILED: {
		Text: "The reader no longer answers.",
		Cure: "Check that the reader is plugged in, then present the card again.",
	},
	badgekmsv1.Reason_REASON_CARD_ERROR: {
		Text: "The card gave an unexpected answer.",
		Cure: "Present the card again, flat on the reader; if it happens again, take another card.",
	},
	badgekmsv1.Reason_REASON_RELAY_SILENT: {
		Text: "The link to the reader was silent for too long.",
		Cure: "Present the card again; if it happens again, have the network checked.",
	},
	badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT: {
		Text: "The operation took longer than it may.",
		Cure: "Present the card again and leave it in place; if it happens again, tell the IT department.",
	},
	badgekmsv1.Reason_REASON_CONVERSATION_SUPERSEDED: {
		Text: "A newer operation on the same card took over.",
		Cure: "Present the card to one reader at a time.",
	},
	badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE: {
		Text: "The key vault cannot be reached.",
		Cure: "Try again in a moment; if it lasts, tell the IT department.",
	},
	badgekmsv1.Reason_REASON_CUSTODY_DENIED: {
		Text: "The key vault refused the badge server's request.",
		Cure: "Tell the IT department: the server's rights in the vault need checking.",
	},
	badgekmsv1.Reason_REASON_CUSTODY_UNSUPPORTED: {
		Text: "The key vault cannot do what was asked.",
		Cure: "Tell the IT department: the settings of the vault or of the badge profile need a review.",
	},
	badgekmsv1.Reason_REASON_STORAGE_FAILED: {
		Text: "The badge server cannot write its records.",
		Cure: "Tell the IT department (disk full or database unavailable), then try again.",
	},
	badgekmsv1.Reason_REASON_KMS_STOPPING: {
		Text: "The badge server is shutting down.",
		Cure: "Try again in a minute.",
	},
	badgekmsv1.Reason_REASON_INTERNAL: {
		Text: "The badge server met an unexpected error.",
		Cure: "Try again; if it happens again, give the operation's number to the IT department.",
	},
	badgekmsv1.Reason_REASON_MESSAGE_INVALID: {
		Text: "Something that was sent is not valid.",
		Cure: "Check what you entered; if all is correct, tell the IT department.",
	},
	badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER: {
		Text: "The dialogue with the badge server did not follow the expected order.",
		Cure: "Try again; if it happens again, tell the IT department.",
	},
	badgekmsv1.Reason_REASON_SCRIPT_STALE: {
		Text: "This device's settings are older than the badge server's.",
		Cure: "Present the card again; if it happens again, tell the IT department.",
	},
	badgekmsv1.Reason_REASON_DEADLINE_MISSING: {
		Text: "The request states no time limit.",
		Cure: "Tell the IT department: the software of this device needs an update.",
	},
	badgekmsv1.Reason_REASON_PERMISSION_DENIED: {
		Text: "This device may not do this operation.",
		Cure: "Use a workplace of the badge office, or ask the IT department for the right.",
	},
	badgekmsv1.Reason_REASON_CERTIFICATE_INVALID: {
		Text: "This device's certificate is not recognised by the establishment.",
		Cure: "Ask the IT department for a valid certificate for this device.",
	},
	badgekmsv1.Reason_REASON_STATE_INVALID: {
		Text: "The badge's present state does not allow this operation.",
		Cure: "Show the badge to see its state, then choose the operation that fits.",
	},
	badgekmsv1.Reason_REASON_CONCURRENT_CHANGE: {
		Text: "The record was changed by someone else meanwhile.",
		Cure: "Read the record again, then repeat.",
	},
	badgekmsv1.Reason_REASON_HOLDER_UNKNOWN: {
		Text: "There is no such holder.",
		Cure: "Check the identifier, or record the person first.",
	},
	badgekmsv1.Reason_REASON_HOLDER_EXISTS: {
		Text: "A holder exists under this identifier, with other data.",
		Cure: "Check the identifier and compare with the list of holders.",
	},
	badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN: {
		Text: "There is no such key domain, or it has no active key.",
		Cure: "Tell the person in charge of keys.",
	},
	badgekmsv1.Reason_REASON_DOMAIN_EXISTS: {
		Text: "A key domain has this name already.",
		Cure: "Choose another name.",
	},
	badgekmsv1.Reason_REASON_KMS_UNREACHABLE: {
		Text: "The badge server cannot be reached.",
		Cure: "Check the network and try again in a moment; if it lasts, tell the IT department.",
	},
	badgekmsv1.Reason_REASON_READER_MISSING: {
		Text: "This reader is not attached.",
		Cure: "Plug the reader in, or choose another one from the list of readers.",
	},
	badgekmsv1.Reason_REASON_READER_BUSY: {
		Text: "Another program is using the card.",
		Cure: "Close the other program that uses the reader, then present the card again.",
	},
	badgekmsv1.Reason_REASON_PCSC_UNAVAILABLE: {
		Text: "The card reader service (PC/SC) is not available on this device.",
		Cure: "Have the PC/SC service installed or started (pcscd on Linux, \"Smart Card\" on Windows).",
	},
}
