// Package nearest finds what a misspelt name was meant to be.
package nearest

// Of returns the known name that an unknown one was probably meant to be, or "" when none is like it.
func Of(name string, known []string) string {
	best, least := "", len(name)/3+1
	if len(name) > 100 {
		return ""
	}
	for _, k := range known {
		if max(len(name)-len(k), len(k)-len(name)) >= least { // which spares the work on a long one
			continue
		}
		if d := Distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// Distance returns how many bytes must be put in, taken out or changed to make b of a (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
