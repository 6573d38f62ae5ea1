package collector

// The metrics of business values.
const (
	businessValue   = "perfwatch_business_value"
	businessAge     = "perfwatch_business_age_seconds"
	businessLeftOut = "perfwatch_business_values_left_out"
)

func businessFamilies() []Family {
	return []Family{
		{businessValue, gauge, []string{"name", "value"},
			"What was last read of a business value; value is that of its label, or \"\" without one. " +
				"Absent before the first good reading, and once that is older than its max_age."},
		{businessAge, gauge, []string{"name"},
			"How long ago the last good reading of a business value began. Absent before the first."},
		{businessLeftOut, gauge, []string{"name"},
			"How many figures of the last good reading have no series, as more than max_values were told. Absent with its values."},
	}
}
