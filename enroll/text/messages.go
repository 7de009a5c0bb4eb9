package text

// Message is a sentence or label of the command lines.
type Message int

// The messages of the flows. What their fmt verbs stand for is said here.
const (
	// WaitCard: reader name.
	WaitCard Message = iota
	// CardSeen has no argument.
	CardSeen
	// StepBegun: step, of, name of the stage.
	StepBegun
	// PutBack has no argument.
	PutBack
	// OtherCard has no argument.
	OtherCard
	// StillBusy has no argument.
	StillBusy
	// IssueDone has no argument.
	IssueDone
	// IssueResumed has no argument.
	IssueResumed
	// IssueRepeated has no argument.
	IssueRepeated
	// NotHandedOver: badge id.
	NotHandedOver
	// HandOverFailed: badge id.
	HandOverFailed
	// HolderAdded: holder id.
	HolderAdded
	// HolderValid: holder id.
	HolderValid
	// NothingListed has no argument.
	NothingListed
	// NoReader has no argument.
	NoReader
	// NoCardCame has no argument.
	NoCardCame
	// FailureHead: verdict, text of the reason.
	FailureHead
	// ToDo: cure.
	ToDo
	// Details: text of the fault.
	Details
	// Interrupted has no argument.
	Interrupted
	// UsageError: text of the mistake.
	UsageError
	// SeeHelp: command path.
	SeeHelp
	// TerminalReady: reader name.
	TerminalReady
	// TerminalMissing: reader name, names of the attached.
	TerminalMissing
	// ConfigGood: own identity, address of the KMS.
	ConfigGood
	// NeedFlag: flag, environment variable.
	NeedFlag
	// NeedReader: names of the attached readers.
	NeedReader
	// NeedOneOf: flags.
	NeedOneOf
	// BadHex: flag, what it wants.
	BadHex
	// UnknownCommand: what was typed.
	UnknownCommand
	// NoArguments: what was typed.
	NoArguments

	// Labels of what is printed.

	// LabelBadge names a badge id.
	LabelBadge
	// LabelNumber names a credential number.
	LabelNumber
	// LabelHolder names a holder id.
	LabelHolder
	// LabelName names a person's name.
	LabelName
	// LabelUnit names a person's unit.
	LabelUnit
	// LabelProduct names a card's product.
	LabelProduct
	// LabelUID names a card's identifier.
	LabelUID
	// LabelState names a badge's state.
	LabelState
	// LabelExpires names the end of validity.
	LabelExpires
	// LabelStation names the station of the first enrolment.
	LabelStation
	// LabelConversation names a conversation's id.
	LabelConversation
	// LabelStorage names a card's storage.
	LabelStorage
	// LabelFree names a card's free memory.
	LabelFree
	// LabelApplications names the applications on a card.
	LabelApplications
	// LabelCardKey names what protects a card.
	LabelCardKey
	// LabelOriginality names what the originality signature tells.
	LabelOriginality
	// LabelProduced names the production date.
	LabelProduced
	// LabelBatch names the production batch.
	LabelBatch
	// LabelEncodable names whether a card can be encoded.
	LabelEncodable
	// LabelKeys names the keys of a badge.
	LabelKeys

	// Values of what is printed.

	// Yes answers a label.
	Yes
	// No answers a label: why.
	No
	// None answers a label.
	None
	// Unknown answers a label.
	Unknown
	// Hidden answers LabelApplications.
	Hidden
	// Bytes: number.
	Bytes
	// Week: week, year.
	Week
	// SlotLine: application, key number, domain, generation, state.
	SlotLine
	// CardKeyLine: type, version.
	CardKeyLine
	// OriginalityNXP answers LabelOriginality.
	OriginalityNXP
	// OriginalitySimulator answers LabelOriginality.
	OriginalitySimulator
	// OriginalityInvalid answers LabelOriginality.
	OriginalityInvalid
	// OriginalityUnknown answers LabelOriginality.
	OriginalityUnknown
	// NeverHandedOver answers LabelExpires.
	NeverHandedOver
	// GrantedText is the sentence of a granted tap.
	GrantedText

	lastFlowMessage
)

type sentence struct{ french, english string }

var flowMessages = [...]sentence{
	WaitCard:        {"Posez une carte sur le lecteur « %s ».", "Put a card on the reader \"%s\"."},
	CardSeen:        {"Carte détectée : laissez-la sur le lecteur.", "Card seen: leave it on the reader."},
	StepBegun:       {"Étape %d sur %d : %s", "Step %d of %d: %s"},
	PutBack:         {"Reposez la même carte sur le lecteur : l'encodage reprendra où il s'est arrêté.", "Put the same card back on the reader: the enrolment goes on where it stopped."},
	OtherCard:       {"Ce n'est pas la même carte. Reposez celle dont l'encodage a été interrompu.", "This is not the same card. Put back the one whose enrolment was interrupted."},
	StillBusy:       {"L'opération interrompue se termine, un instant…", "The interrupted operation is ending, one moment…"},
	IssueDone:       {"Badge encodé et vérifié. Vous pouvez retirer la carte.", "Badge encoded and verified. You may take the card."},
	IssueResumed:    {"Un encodage interrompu a été repris et terminé.", "An interrupted enrolment was resumed and finished."},
	IssueRepeated:   {"Cette demande était déjà terminée : rien n'a été réécrit.", "This request was done before: nothing was written again."},
	NotHandedOver:   {"Le badge ne sera accepté qu'après sa remise : enroll hand-over --badge %s --evidence \"pièce d'identité vue\"", "The badge will be accepted once it is handed over: enroll hand-over --badge %s --evidence \"identity document seen\""},
	HandOverFailed:  {"Le badge %s est encodé, mais sa remise n'a pas pu être enregistrée.", "Badge %s is encoded, but its hand-over could not be recorded."},
	HolderAdded:     {"Titulaire %s enregistré.", "Holder %s recorded."},
	HolderValid:     {"Titulaire %s : données valables, rien n'a été enregistré.", "Holder %s: the data is valid, nothing was recorded."},
	NothingListed:   {"Aucun enregistrement.", "No records."},
	NoReader:        {"Aucun lecteur n'est branché.", "No reader is attached."},
	NoCardCame:      {"Aucune carte n'a été présentée à temps.", "No card was presented in time."},
	FailureHead:     {"%s : %s", "%s: %s"},
	ToDo:            {"Que faire : %s", "What to do: %s"},
	Details:         {"Détail technique : %s", "Technical detail: %s"},
	Interrupted:     {"Interrompu.", "Interrupted."},
	UsageError:      {"Commande incorrecte : %s", "Wrong usage: %s"},
	SeeHelp:         {"Voir l'aide : %s --help", "See the help: %s --help"},
	TerminalReady:   {"Prêt : en attente de badges sur le lecteur « %s ».", "Ready: waiting for badges on the reader \"%s\"."},
	TerminalMissing: {"Le lecteur « %s » n'est pas branché (branchés : %s). Le terminal l'attend.", "The reader \"%s\" is not attached (attached: %s). The terminal waits for it."},
	ConfigGood:      {"Configuration valable : identité %s, serveur de badges %s.", "The configuration is good: identity %s, badge server %s."},
	NeedFlag:        {"--%s manque (ou la variable %s)", "--%s is missing (or the variable %s)"},
	NeedReader:      {"choisissez un lecteur avec --reader (branchés : %s)", "choose a reader with --reader (attached: %s)"},
	NeedOneOf:       {"donnez exactement une de ces options : %s", "give exactly one of these options: %s"},
	BadHex:          {"--%s attend %s", "--%s wants %s"},
	UnknownCommand:  {"commande inconnue : « %s »", "unknown command: \"%s\""},
	NoArguments:     {"argument en trop : « %s »", "unexpected argument: \"%s\""},

	LabelBadge:        {"Badge", "Badge"},
	LabelNumber:       {"Numéro de badge", "Badge number"},
	LabelHolder:       {"Titulaire", "Holder"},
	LabelName:         {"Nom", "Name"},
	LabelUnit:         {"Service", "Unit"},
	LabelProduct:      {"Modèle de carte", "Card model"},
	LabelUID:          {"Numéro de puce (UID)", "Chip number (UID)"},
	LabelState:        {"État", "State"},
	LabelExpires:      {"Valable jusqu'au", "Valid until"},
	LabelStation:      {"Encodé par", "Encoded by"},
	LabelConversation: {"Opération", "Operation"},
	LabelStorage:      {"Mémoire", "Memory"},
	LabelFree:         {"Mémoire libre", "Free memory"},
	LabelApplications: {"Applications présentes", "Applications present"},
	LabelCardKey:      {"Clé de la carte", "Card key"},
	LabelOriginality:  {"Signature d'origine", "Originality signature"},
	LabelProduced:     {"Fabrication", "Produced"},
	LabelBatch:        {"Lot", "Batch"},
	LabelEncodable:    {"Peut être encodée", "Can be encoded"},
	LabelKeys:         {"Clés", "Keys"},

	Yes:                  {"oui", "yes"},
	No:                   {"non : %s", "no: %s"},
	None:                 {"aucune", "none"},
	Unknown:              {"non communiqué par la carte", "not told by the card"},
	Hidden:               {"liste protégée par la carte", "list protected by the card"},
	Bytes:                {"%d octets", "%d bytes"},
	Week:                 {"semaine %d de %d", "week %d of %d"},
	SlotLine:             {"application %s, clé %d : domaine %s, génération %d, %s", "application %s, key %d: domain %s, generation %d, %s"},
	CardKeyLine:          {"%s, version %d", "%s, version %d"},
	OriginalityNXP:       {"valable (NXP)", "valid (NXP)"},
	OriginalitySimulator: {"carte simulée : jamais en service réel", "simulated card: never in real service"},
	OriginalityInvalid:   {"FAUSSE : n'utilisez pas cette carte", "WRONG: do not use this card"},
	OriginalityUnknown:   {"non vérifiée", "not checked"},
	NeverHandedOver:      {"badge pas encore remis", "badge not handed over yet"},
	GrantedText:          {"Badge reconnu.", "Badge recognised."},
}

// states are the badge states and slot states of the KMS, which sends them as
// words.
var states = map[string]sentence{
	"stock":       {"en stock", "in stock"},
	"stock-ours":  {"en stock, déjà utilisée ici", "in stock, used here before"},
	"reserved":    {"encodage commencé", "enrolment begun"},
	"encoded":     {"encodé, pas encore remis", "encoded, not handed over yet"},
	"active":      {"en service", "active"},
	"suspended":   {"suspendu", "suspended"},
	"lost":        {"perdu", "lost"},
	"stolen":      {"volé", "stolen"},
	"broken":      {"hors d'usage", "broken"},
	"returned":    {"rendu", "returned"},
	"ended":       {"retiré du service", "ended"},
	"quarantined": {"mis de côté", "set aside"},
	"default":     {"clé d'origine", "original key"},
	"proven":      {"prouvée", "proven"},
	"pending":     {"en attente de preuve", "waiting for proof"},
}

// State is the name of a badge's or a key's state; a state that is not known
// here is shown as the KMS names it.
func (l Language) State(state string) string {
	s, known := states[state]
	if !known {
		return state
	}
	return s.in(l)
}

func (s sentence) in(l Language) string {
	if l == English {
		return s.english
	}
	return s.french
}
