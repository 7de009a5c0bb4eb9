package relay

import (
	"context"
	"fmt"
	"log/slog"

	"badgekms/reader"
)

// logRun writes one line per command: its INS, the lengths, the status word.
// Never more: the body of a command can carry a key.
func logRun(ctx context.Context, log *slog.Logger, run []reader.Command, responses []reader.Response) {
	if !log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	for i, c := range run {
		attrs := []slog.Attr{
			slog.String("ins", fmt.Sprintf("%02X", c.APDU[1])),
			slog.Int("command_bytes", len(c.APDU)),
		}
		if i < len(responses) {
			attrs = append(attrs,
				slog.String("sw", responses[i].SW.String()),
				slog.Int("response_bytes", len(responses[i].Data)))
		} else {
			attrs = append(attrs, slog.String("sw", "none"))
		}
		log.LogAttrs(ctx, slog.LevelDebug, "apdu", attrs...)
	}
}
