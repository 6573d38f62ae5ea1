package trend

// Jain says how evenly shares are spread, from 1/n, where one has all, to 1, where all have the same (Jain, Chiu and
// Hawe, A quantitative measure of fairness and discrimination, DEC-TR-301, 1984). Ok is false where there is nothing to
// spread, or a share is negative or not finite.
func Jain(shares []float64) (index float64, ok bool) {
	var largest float64
	for _, v := range shares {
		if v < 0 || !finite(v) {
			return 0, false
		}
		largest = max(largest, v)
	}
	if largest == 0 {
		return 0, false
	}
	var sum, squares float64
	for _, v := range shares {
		v /= largest // no square overflows or vanishes
		sum += v
		squares += v * v
	}
	return min(sum*sum/(float64(len(shares))*squares), 1), true
}
