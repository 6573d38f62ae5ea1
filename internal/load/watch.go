package load

// A Watch names what is looked at beside a burst: processes and Redis servers of the configuration, and the host. What
// is looked at is none of this package's business; it stands in the Spec because people write it there.
type Watch struct {
	Processes []string `yaml:"processes"`
	Redis     []string `yaml:"redis"`
	Host      bool     `yaml:"host"`
}
