package bedrock

// JSONSchema is the JSON Schema that a reply must keep to; nil when there is
// none, or no configuration.
func (c *OutputConfig) JSONSchema() *JSONSchemaDefinition {
	if c == nil || c.TextFormat == nil {
		return nil
	}
	return c.TextFormat.Structure.JSONSchema
}
