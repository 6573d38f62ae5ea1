package report

// Schema is the JSON Schema of a report as JSON, of its Format. A test derives it from the types of this package.
func Schema() ([]byte, error) { return files.ReadFile("report.schema.json") }
