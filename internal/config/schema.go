package config

import "embed"

//go:embed schema.json
var schemaFile embed.FS

// Schema is the JSON Schema of the configuration, for editors. It knows the shape of the file, and not what only the
// checks know: what goes together, what a file beside it says. A test derives it from the types of this package.
func Schema() ([]byte, error) { return schemaFile.ReadFile("schema.json") }
