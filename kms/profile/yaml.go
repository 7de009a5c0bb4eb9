package profile

import (
	"encoding"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// scalar decodes a YAML scalar by its text and adds the line to an error,
// which the decoder does not do for text unmarshalers.
func scalar(node *yaml.Node, into encoding.TextUnmarshaler) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a single value is needed here", node.Line)
	}
	if err := into.UnmarshalText([]byte(node.Value)); err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	return nil
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (a *AID) UnmarshalYAML(node *yaml.Node) error { return scalar(node, a) }

// UnmarshalYAML implements yaml.Unmarshaler.
func (h *HexByte) UnmarshalYAML(node *yaml.Node) error { return scalar(node, h) }

// UnmarshalYAML implements yaml.Unmarshaler.
func (a *Access) UnmarshalYAML(node *yaml.Node) error { return scalar(node, a) }
