package text

// The messages of --help.
const (
	// HelpUsage and the following head the parts of a help page.
	HelpUsage = lastFlowMessage + iota
	// HelpCommands heads the list of commands.
	HelpCommands
	// HelpCommand stands for a command's name.
	HelpCommand
	// HelpFlags heads the list of options.
	HelpFlags
	// HelpGlobal heads the list of options of all commands.
	HelpGlobal
	// HelpMore closes a page that lists commands: command path.
	HelpMore
	// HelpHelp describes the help option and command.
	HelpHelp
	// HelpCompletion describes the completion command.
	HelpCompletion

	// EnrollShort and the following describe the commands of enroll.
	EnrollShort
	// EnrollLong tells how the station is set up and used.
	EnrollLong
	// IssueShort describes issue.
	IssueShort
	// IssueLong describes issue.
	IssueLong
	// InspectShort describes inspect.
	InspectShort
	// InspectLong describes inspect.
	InspectLong
	// HandOverShort describes hand-over.
	HandOverShort
	// HandOverLong describes hand-over.
	HandOverLong
	// HolderShort describes holder.
	HolderShort
	// HolderAddShort describes holder add.
	HolderAddShort
	// HolderAddLong describes holder add.
	HolderAddLong
	// HolderListShort describes holder list.
	HolderListShort
	// BadgeShort describes badge.
	BadgeShort
	// BadgeShowShort describes badge show.
	BadgeShowShort
	// BadgeListShort describes badge list.
	BadgeListShort
	// ReadersShort describes readers.
	ReadersShort

	// TerminalShort and the following describe terminal.
	TerminalShort
	// TerminalLong tells how a terminal is set up and what it prints.
	TerminalLong
	// CheckConfigShort describes check-config.
	CheckConfigShort

	// FlagKMS and the following describe options.
	FlagKMS
	// FlagCert describes --cert.
	FlagCert
	// FlagKey describes --key.
	FlagKey
	// FlagCA describes --ca.
	FlagCA
	// FlagTrustDomain describes --trust-domain.
	FlagTrustDomain
	// FlagConfig describes --config.
	FlagConfig
	// FlagLang describes --lang.
	FlagLang
	// FlagJSON describes --json.
	FlagJSON
	// FlagReader describes --reader.
	FlagReader
	// FlagWait describes --wait.
	FlagWait
	// FlagHolder describes --holder of issue.
	FlagHolder
	// FlagHandOver describes --hand-over of issue.
	FlagHandOver
	// FlagNoResume describes --no-resume.
	FlagNoResume
	// FlagBadge describes --badge.
	FlagBadge
	// FlagEvidence describes --evidence.
	FlagEvidence
	// FlagHolderID describes --id of holder add.
	FlagHolderID
	// FlagName describes --name.
	FlagName
	// FlagUnit describes --unit.
	FlagUnit
	// FlagValidateOnly describes --validate-only.
	FlagValidateOnly
	// FlagBadgeID describes --id of badge show.
	FlagBadgeID
	// FlagUID describes --uid.
	FlagUID
	// FlagNumber describes --number.
	FlagNumber
	// FlagOfHolder describes --holder of badge list.
	FlagOfHolder
	// FlagOnce describes --once.
	FlagOnce
	// FlagListReaders describes --list-readers.
	FlagListReaders
	// FlagHook describes --hook.
	FlagHook
	// FlagHookArg describes --hook-arg.
	FlagHookArg
	// FlagHookLimit describes --hook-limit.
	FlagHookLimit
	// FlagVerbose describes --verbose.
	FlagVerbose
	// WantsUID completes BadHex.
	WantsUID
	// WantsNumber completes BadHex.
	WantsNumber

	lastMessage
)

var helpMessages = map[Message]sentence{
	HelpUsage:      {"Utilisation :", "Usage:"},
	HelpCommands:   {"Commandes :", "Commands:"},
	HelpCommand:    {"COMMANDE", "COMMAND"},
	HelpFlags:      {"Options :", "Options:"},
	HelpGlobal:     {"Options communes :", "Common options:"},
	HelpMore:       {"L'aide d'une commande : %s COMMANDE --help", "Help about a command: %s COMMAND --help"},
	HelpHelp:       {"affiche cette aide", "show this help"},
	HelpCompletion: {"écrit le script de complétion d'un interpréteur de commandes", "write a shell's completion script"},

	EnrollShort: {"Encoder, contrôler et remettre des badges", "Encode, check and hand over badges"},
	EnrollLong: {
		`enroll est le poste du bureau des badges : il encode les cartes posées sur son
lecteur, sous la conduite du serveur de badges (KMS). Aucune clé ne se trouve
sur ce poste.

Réglages, par ordre de priorité : option, variable d'environnement
BADGEKMS_<OPTION> (BADGEKMS_KMS, BADGEKMS_CERT, BADGEKMS_KEY, BADGEKMS_CA,
BADGEKMS_READER…), fichier YAML donné par --config (clés : noms des options).
La langue suit LC_ALL, LC_MESSAGES ou LANG ; le français est la langue par défaut.

Les résultats vont sur la sortie standard, la progression et les erreurs sur la
sortie d'erreur. Code de retour : 0 fait, 1 échec, 2 commande incorrecte,
3 refusé, 4 sans décision ou indisponible.`,
		`enroll is the badge office's workplace: it encodes the cards that are put on
its reader, as the badge server (KMS) directs. No key is held on this device.

Settings, in order of precedence: option, environment variable
BADGEKMS_<OPTION> (BADGEKMS_KMS, BADGEKMS_CERT, BADGEKMS_KEY, BADGEKMS_CA,
BADGEKMS_READER...), YAML file given by --config (keys: names of options).
The language follows LC_ALL, LC_MESSAGES or LANG; French is the default.

Results go to standard output, progress and errors to standard error. Exit
status: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 undecided or unavailable.`,
	},
	IssueShort: {"Encoder un badge pour un titulaire", "Encode a badge for a holder"},
	IssueLong: {
		`Attend une carte, montre ce qu'elle est, l'encode pour le titulaire et la
vérifie. Si la carte quitte le lecteur en cours de route, reposez-la : l'encodage
reprend de lui-même où il s'était arrêté. Un badge encodé n'est accepté qu'après
sa remise (--hand-over, ou plus tard la commande hand-over).

  enroll issue --reader "ACS ACR1252" --holder H-1042
  enroll issue --holder H-1042 --hand-over "carte nationale d'identité"`,
		`Waits for a card, shows what it is, encodes it for the holder and verifies it.
If the card leaves the reader on the way, put it back: the enrolment goes on by
itself where it stopped. An encoded badge is accepted only after its hand-over
(--hand-over, or the command hand-over later).

  enroll issue --reader "ACS ACR1252" --holder H-1042
  enroll issue --holder H-1042 --hand-over "national identity card"`,
	},
	InspectShort: {"Montrer ce qu'est une carte, sans la modifier", "Show what a card is, without changing it"},
	InspectLong: {
		`Attend une carte et montre son modèle, sa mémoire, ce qui la protège et si elle
peut être encodée. La carte n'est pas modifiée.`,
		`Waits for a card and shows its model, its memory, what protects it and whether
it can be encoded. The card is not changed.`,
	},
	HandOverShort: {"Enregistrer la remise d'un badge à son titulaire", "Record that a badge was handed over to its holder"},
	HandOverLong: {
		`Enregistre que l'identité du titulaire a été vérifiée et que le badge lui a été
remis. Le badge est accepté à partir de ce moment.

  enroll hand-over --badge B-7 --evidence "carte nationale d'identité"`,
		`Records that the holder's identity was checked and the badge was given away. The
badge is accepted from then on.

  enroll hand-over --badge B-7 --evidence "national identity card"`,
	},
	HolderShort:    {"Titulaires de badges", "Holders of badges"},
	HolderAddShort: {"Enregistrer une personne", "Record a person"},
	HolderAddLong: {
		`Enregistre une personne qui pourra porter un badge. Répéter la commande avec les
mêmes données est sans effet.

  enroll holder add --id H-1042 --name "Claire Martin" --unit Urgences`,
		`Records a person who may carry a badge. Repeating the command with the same data
has no effect.

  enroll holder add --id H-1042 --name "Claire Martin" --unit Emergency`,
	},
	HolderListShort: {"Lister les personnes enregistrées", "List the people recorded"},
	BadgeShort:      {"Badges connus du serveur", "Badges that the server knows"},
	BadgeShowShort:  {"Afficher un badge", "Show a badge"},
	BadgeListShort:  {"Lister les badges", "List the badges"},
	ReadersShort:    {"Lister les lecteurs branchés", "List the attached readers"},

	TerminalShort: {"Reconnaître les badges présentés à un lecteur", "Recognise the badges presented to a reader"},
	TerminalLong: {
		`terminal attend les badges sur un lecteur, les fait vérifier par le serveur de
badges (KMS) et écrit une ligne par présentation :

  granted|denied|undecided reason=… badge=… holder=… generation=… … texte

granted : badge reconnu. denied : refusé par le serveur, la raison dit pourquoi.
undecided : une panne ou une carte retirée trop tôt ; rien ne doit s'ouvrir, et
le badge n'est pas en cause. Avec --json, un objet JSON par ligne ("v":1).

--hook lance un programme à chaque présentation, sans interpréteur de commandes :
le JSON sur son entrée standard, et BADGEKMS_VERDICT, BADGEKMS_REASON,
BADGEKMS_BADGE, BADGEKMS_HOLDER, BADGEKMS_GENERATION, BADGEKMS_READER,
BADGEKMS_CONVERSATION dans son environnement.

Réglages, par ordre de priorité : option, variable BADGEKMS_<OPTION>, fichier
YAML donné par --config. Code de retour avec --once : 0 accordé, 1 échec,
2 commande incorrecte, 3 refusé, 4 sans décision ou indisponible.

  terminal --reader "ACS ACR1252" --kms kms.hopital.example:7443 \
    --cert porte1.pem --key porte1.key --ca ca.pem --hook /usr/local/bin/ouvrir`,
		`terminal waits for badges on a reader, has them checked by the badge server (KMS)
and prints one line per presentation:

  granted|denied|undecided reason=... badge=... holder=... generation=... ... text

granted: the badge is recognised. denied: the server refused, the reason says why.
undecided: something failed, or the card left too early; nothing may open, and the
badge is not to blame. With --json, one JSON object per line ("v":1).

--hook runs a program for each presentation, without a shell: the JSON on its
standard input, and BADGEKMS_VERDICT, BADGEKMS_REASON, BADGEKMS_BADGE,
BADGEKMS_HOLDER, BADGEKMS_GENERATION, BADGEKMS_READER, BADGEKMS_CONVERSATION in
its environment.

Settings, in order of precedence: option, variable BADGEKMS_<OPTION>, YAML file
given by --config. Exit status with --once: 0 granted, 1 failed, 2 wrong usage,
3 denied, 4 undecided or unavailable.

  terminal --reader "ACS ACR1252" --kms kms.hospital.example:7443 \
    --cert door1.pem --key door1.key --ca ca.pem --hook /usr/local/bin/open`,
	},
	CheckConfigShort: {"Vérifier les réglages et les certificats, puis quitter", "Check the settings and certificates, then exit"},

	FlagKMS:          {"adresse du serveur de badges, `ADRESSE:PORT`", "address of the badge server, `HOST:PORT`"},
	FlagCert:         {"`FICHIER` du certificat de ce poste (PEM)", "`FILE` of this device's certificate (PEM)"},
	FlagKey:          {"`FICHIER` de la clé privée de ce certificat (PEM)", "`FILE` of that certificate's private key (PEM)"},
	FlagCA:           {"`FICHIER` des certificats racines de l'établissement (PEM)", "`FILE` of the establishment's root certificates (PEM)"},
	FlagTrustDomain:  {"`DOMAINE` SPIFFE attendu du serveur (par défaut, celui du certificat de ce poste)", "SPIFFE trust `DOMAIN` expected of the server (default: that of this device's certificate)"},
	FlagConfig:       {"`FICHIER` YAML de réglages", "YAML `FILE` of settings"},
	FlagLang:         {"`LANGUE` des textes : fr ou en", "`LANGUAGE` of the texts: fr or en"},
	FlagJSON:         {"écrit un objet JSON par ligne (\"v\":1)", "print one JSON object per line (\"v\":1)"},
	FlagReader:       {"`NOM` exact du lecteur (par défaut, le seul branché)", "exact `NAME` of the reader (default: the only one attached)"},
	FlagWait:         {"`TEMPS` d'attente d'une carte, par exemple 30s (par défaut, sans limite)", "`TIME` to wait for a card, for example 30s (default: no limit)"},
	FlagHolder:       {"`IDENTIFIANT` du titulaire", "`ID` of the holder"},
	FlagHandOver:     {"enregistre aussi la remise ; `DOCUMENT` d'identité vu", "record the hand-over too; identity `DOCUMENT` seen"},
	FlagNoResume:     {"échoue si la carte quitte le lecteur, au lieu d'attendre qu'elle soit reposée", "fail if the card leaves the reader, instead of waiting for it to be put back"},
	FlagBadge:        {"`IDENTIFIANT` du badge", "`ID` of the badge"},
	FlagEvidence:     {"`DOCUMENT` d'identité vu", "identity `DOCUMENT` seen"},
	FlagHolderID:     {"`IDENTIFIANT` de la personne dans l'établissement", "the person's `ID` in the establishment"},
	FlagName:         {"`NOM` affiché", "`NAME` to show"},
	FlagUnit:         {"`SERVICE` de la personne", "the person's `UNIT`"},
	FlagValidateOnly: {"vérifie les données sans rien enregistrer", "check the data and record nothing"},
	FlagBadgeID:      {"`IDENTIFIANT` du badge", "`ID` of the badge"},
	FlagUID:          {"numéro de puce, en `HEX`", "chip number, in `HEX`"},
	FlagNumber:       {"numéro de badge, en `HEX`", "badge number, in `HEX`"},
	FlagOfHolder:     {"seulement les badges de ce titulaire (`IDENTIFIANT`)", "only the badges of this holder (`ID`)"},
	FlagOnce:         {"attend un seul badge, puis quitte avec le code de son verdict", "wait for one badge, then exit with its verdict's status"},
	FlagListReaders:  {"liste les lecteurs branchés, puis quitte", "list the attached readers, then exit"},
	FlagHook:         {"`PROGRAMME` lancé à chaque présentation", "`PROGRAM` to run for each presentation"},
	FlagHookArg:      {"`ARGUMENT` du programme ; peut être répété", "`ARGUMENT` of the program; may be repeated"},
	FlagHookLimit:    {"`TEMPS` laissé au programme", "`TIME` given to the program"},
	FlagVerbose:      {"écrit aussi les événements du lecteur sur la sortie d'erreur", "also print the reader's events on standard error"},
	WantsUID:         {"4, 7 ou 10 octets en hexadécimal", "4, 7 or 10 bytes in hexadecimal"},
	WantsNumber:      {"16 octets en hexadécimal", "16 bytes in hexadecimal"},
}
