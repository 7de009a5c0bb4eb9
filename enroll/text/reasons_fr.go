package text

import badgekmsv1 "badgekms/proto/badgekms/v1"

// reasonsFrench is read first: polite form, no jargon.
var reasonsFrench = map[badgekmsv1.Reason]Entry{
	badgekmsv1.Reason_REASON_UNSPECIFIED: {
		Text: "Tout est en ordre.",
		Cure: "Rien à faire.",
	},
	badgekmsv1.Reason_REASON_BADGE_UNKNOWN: {
		Text: "Ce badge n'est pas connu de l'établissement.",
		Cure: "Vérifiez que c'est bien un badge de l'établissement ; sinon, faites-en encoder un au bureau des badges.",
	},
	badgekmsv1.Reason_REASON_BADGE_NOT_HANDED_OVER: {
		Text: "Ce badge est encodé, mais sa remise n'a pas été enregistrée.",
		Cure: "Au bureau des badges, vérifiez l'identité du titulaire et enregistrez la remise.",
	},
	badgekmsv1.Reason_REASON_BADGE_SUSPENDED: {
		Text: "Ce badge est suspendu.",
		Cure: "Adressez-vous au bureau des badges, qui peut lever la suspension.",
	},
	badgekmsv1.Reason_REASON_BADGE_LOST: {
		Text: "Ce badge a été déclaré perdu.",
		Cure: "Conservez le badge et prévenez le bureau des badges.",
	},
	badgekmsv1.Reason_REASON_BADGE_STOLEN: {
		Text: "Ce badge a été déclaré volé.",
		Cure: "Conservez le badge si possible et prévenez la sécurité.",
	},
	badgekmsv1.Reason_REASON_BADGE_ENDED: {
		Text: "Ce badge n'est plus en service.",
		Cure: "Demandez un nouveau badge au bureau des badges.",
	},
	badgekmsv1.Reason_REASON_BADGE_EXPIRED: {
		Text: "La validité de ce badge est terminée.",
		Cure: "Faites renouveler le badge au bureau des badges.",
	},
	badgekmsv1.Reason_REASON_BADGE_INCOMPLETE: {
		Text: "L'encodage de ce badge a été interrompu.",
		Cure: "Reposez la carte sur le lecteur de la station d'encodage : l'encodage reprendra où il s'était arrêté.",
	},
	badgekmsv1.Reason_REASON_BADGE_QUARANTINED: {
		Text: "Ce badge est mis de côté : son contenu ne peut pas être établi avec certitude.",
		Cure: "N'essayez plus de l'encoder ; prenez une autre carte et remettez celle-ci au responsable des badges.",
	},
	badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED: {
		Text: "Cette carte est déjà un badge de l'établissement.",
		Cure: "Prenez une carte vierge, ou affichez ce badge pour voir à qui il est attribué.",
	},
	badgekmsv1.Reason_REASON_BADGE_BUSY: {
		Text: "Une autre opération est en cours sur ce badge.",
		Cure: "Attendez quelques secondes, puis présentez de nouveau la carte.",
	},
	badgekmsv1.Reason_REASON_APPLICATION_MISSING: {
		Text: "Cette carte ne contient pas l'espace de l'établissement.",
		Cure: "Vérifiez que c'est le bon badge ; sinon, faites-le encoder au bureau des badges.",
	},
	badgekmsv1.Reason_REASON_APPLICATION_OCCUPIED: {
		Text: "L'espace réservé à l'établissement est déjà occupé sur cette carte, et il n'a pas été écrit ici.",
		Cure: "Prenez une autre carte et remettez celle-ci au responsable des badges.",
	},
	badgekmsv1.Reason_REASON_KEY_REFUSED: {
		Text: "La carte ne contient pas la clé que ce badge doit contenir : ce peut être une copie.",
		Cure: "Conservez la carte et prévenez la sécurité.",
	},
	badgekmsv1.Reason_REASON_PROTOCOL_DOWNGRADED: {
		Text: "La carte répond avec un protocole plus ancien que celui de ce badge : ce peut être une copie.",
		Cure: "Conservez la carte et prévenez la sécurité.",
	},
	badgekmsv1.Reason_REASON_UID_RANDOM: {
		Text: "Cette carte montre un numéro différent à chaque lecture ; elle ne convient pas.",
		Cure: "Prenez une carte d'un autre lot et signalez celui-ci au responsable des badges.",
	},
	badgekmsv1.Reason_REASON_UID_MISMATCH: {
		Text: "Le numéro prouvé par la carte n'est pas celui qu'elle annonce : ce peut être une copie.",
		Cure: "Conservez la carte et prévenez la sécurité.",
	},
	badgekmsv1.Reason_REASON_CARD_UNSUPPORTED: {
		Text: "Ce type de carte n'est pas prévu par l'établissement.",
		Cure: "Prenez une carte du modèle commandé pour les badges.",
	},
	badgekmsv1.Reason_REASON_CARD_NOT_GENUINE: {
		Text: "La signature d'origine du fabricant est absente ou fausse.",
		Cure: "N'utilisez pas cette carte ; mettez le lot de côté et prévenez le responsable des badges.",
	},
	badgekmsv1.Reason_REASON_CARD_FULL: {
		Text: "Il n'y a plus assez de place sur cette carte.",
		Cure: "Prenez une carte vierge, ou une carte de plus grande capacité.",
	},
	badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN: {
		Text: "Cette carte est protégée par une clé que le système ne connaît pas.",
		Cure: "Prenez une carte neuve ; si elle vient d'un lot livré, signalez-le au responsable des badges.",
	},
	badgekmsv1.Reason_REASON_TRIALS_EXHAUSTED: {
		Text: "Trop d'essais ont échoué : la carte est laissée en l'état pour ne pas la bloquer.",
		Cure: "Prenez une autre carte et remettez celle-ci au responsable des badges.",
	},
	badgekmsv1.Reason_REASON_ISSUE_NUMBERS_EXHAUSTED: {
		Text: "Cette carte a été encodée trop de fois.",
		Cure: "Prenez une autre carte et retirez celle-ci du stock.",
	},
	badgekmsv1.Reason_REASON_CARD_LOCKED: {
		Text: "Les réglages de cette carte interdisent une étape de l'encodage.",
		Cure: "Prenez une autre carte et signalez le lot au responsable des badges.",
	},
	badgekmsv1.Reason_REASON_CARD_REMOVED: {
		Text: "La carte a quitté le lecteur avant la fin.",
		Cure: "Reposez la carte et laissez-la jusqu'à la fin.",
	},
	badgekmsv1.Reason_REASON_READER_FAILED: {
		Text: "Le lecteur ne répond plus.",
		Cure: "Vérifiez que le lecteur est bien branché, puis présentez de nouveau la carte.",
	},
	badgekmsv1.Reason_REASON_CARD_ERROR: {
		Text: "La carte a donné une réponse inattendue.",
		Cure: "Présentez de nouveau la carte, bien à plat ; si cela se répète, prenez une autre carte.",
	},
	badgekmsv1.Reason_REASON_RELAY_SILENT: {
		Text: "La liaison avec le lecteur s'est interrompue trop longtemps.",
		Cure: "Présentez de nouveau la carte ; si cela se répète, faites vérifier le réseau.",
	},
	badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT: {
		Text: "L'opération a dépassé le temps prévu.",
		Cure: "Présentez de nouveau la carte et laissez-la bien posée ; si cela se répète, prévenez l'informatique.",
	},
	badgekmsv1.Reason_REASON_CONVERSATION_SUPERSEDED: {
		Text: "Une opération plus récente sur la même carte a pris le relais.",
		Cure: "Présentez la carte sur un seul lecteur à la fois.",
	},
	badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE: {
		Text: "Le coffre des clés n'est pas joignable.",
		Cure: "Réessayez dans un moment ; si cela dure, prévenez l'informatique.",
	},
	badgekmsv1.Reason_REASON_CUSTODY_DENIED: {
		Text: "Le coffre des clés a refusé la demande du serveur de badges.",
		Cure: "Prévenez l'informatique : les droits du serveur dans le coffre sont à vérifier.",
	},
	badgekmsv1.Reason_REASON_CUSTODY_UNSUPPORTED: {
		Text: "Le coffre des clés ne sait pas faire ce qui est demandé.",
		Cure: "Prévenez l'informatique : le réglage du coffre ou du profil des badges est à revoir.",
	},
	badgekmsv1.Reason_REASON_STORAGE_FAILED: {
		Text: "Le serveur de badges ne peut pas enregistrer.",
		Cure: "Prévenez l'informatique (disque plein ou base de données indisponible), puis réessayez.",
	},
	badgekmsv1.Reason_REASON_KMS_STOPPING: {
		Text: "Le serveur de badges est en cours d'arrêt.",
		Cure: "Réessayez dans une minute.",
	},
	badgekmsv1.Reason_REASON_INTERNAL: {
		Text: "Le serveur de badges a rencontré une erreur inattendue.",
		Cure: "Réessayez ; si cela se répète, transmettez le numéro de l'opération à l'informatique.",
	},
	badgekmsv1.Reason_REASON_MESSAGE_INVALID: {
		Text: "Une donnée transmise n'est pas valable.",
		Cure: "Vérifiez ce que vous avez saisi ; si tout est correct, prévenez l'informatique.",
	},
	badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER: {
		Text: "Le dialogue avec le serveur de badges n'a pas suivi l'ordre prévu.",
		Cure: "Réessayez ; si cela se répète, prévenez l'informatique.",
	},
	badgekmsv1.Reason_REASON_SCRIPT_STALE: {
		Text: "Les réglages de ce poste sont plus anciens que ceux du serveur de badges.",
		Cure: "Présentez de nouveau la carte ; si cela se répète, prévenez l'informatique.",
	},
	badgekmsv1.Reason_REASON_DEADLINE_MISSING: {
		Text: "La demande n'indique pas de durée limite.",
		Cure: "Prévenez l'informatique : le logiciel de ce poste est à mettre à jour.",
	},
	badgekmsv1.Reason_REASON_PERMISSION_DENIED: {
		Text: "Ce poste n'a pas le droit de faire cette opération.",
		Cure: "Utilisez un poste du bureau des badges, ou demandez ce droit à l'informatique.",
	},
	badgekmsv1.Reason_REASON_CERTIFICATE_INVALID: {
		Text: "Le certificat de ce poste n'est pas reconnu par l'établissement.",
		Cure: "Demandez à l'informatique un certificat valable pour ce poste.",
	},
	badgekmsv1.Reason_REASON_STATE_INVALID: {
		Text: "L'état actuel du badge ne permet pas cette opération.",
		Cure: "Affichez le badge pour voir son état, puis choisissez l'opération qui convient.",
	},
	badgekmsv1.Reason_REASON_CONCURRENT_CHANGE: {
		Text: "La fiche a été modifiée entre-temps par quelqu'un d'autre.",
		Cure: "Relisez la fiche, puis recommencez.",
	},
	badgekmsv1.Reason_REASON_HOLDER_UNKNOWN: {
		Text: "Ce titulaire n'est pas enregistré.",
		Cure: "Vérifiez l'identifiant, ou enregistrez d'abord la personne.",
	},
	badgekmsv1.Reason_REASON_HOLDER_EXISTS: {
		Text: "Un titulaire existe déjà sous cet identifiant, avec d'autres données.",
		Cure: "Vérifiez l'identifiant et comparez avec la liste des titulaires.",
	},
	badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN: {
		Text: "Ce domaine de clés n'existe pas ou n'a pas de clé active.",
		Cure: "Prévenez le responsable des clés.",
	},
	badgekmsv1.Reason_REASON_DOMAIN_EXISTS: {
		Text: "Un domaine de clés porte déjà ce nom.",
		Cure: "Choisissez un autre nom.",
	},
	badgekmsv1.Reason_REASON_KMS_UNREACHABLE: {
		Text: "Le serveur de badges n'est pas joignable.",
		Cure: "Vérifiez le réseau et réessayez dans un moment ; si cela dure, prévenez l'informatique.",
	},
	badgekmsv1.Reason_REASON_READER_MISSING: {
		Text: "Ce lecteur n'est pas branché.",
		Cure: "Branchez le lecteur, ou choisissez-en un autre dans la liste des lecteurs.",
	},
	badgekmsv1.Reason_REASON_READER_BUSY: {
		Text: "Un autre programme utilise la carte.",
		Cure: "Fermez l'autre programme qui utilise le lecteur, puis présentez de nouveau la carte.",
	},
	badgekmsv1.Reason_REASON_PCSC_UNAVAILABLE: {
		Text: "Le service des lecteurs de cartes (PC/SC) n'est pas disponible sur ce poste.",
		Cure: "Faites installer ou démarrer le service PC/SC (pcscd sous Linux, « Carte à puce » sous Windows).",
	},
}
