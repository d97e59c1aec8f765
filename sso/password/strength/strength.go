// Package strength estimates how hard a text is to guess. It is [zxcvbn-go] with its two weaknesses mended: the time that
// it takes is bounded, and a text that repeats counts once.
//
// [zxcvbn-go]: https://github.com/ccojocar/zxcvbn-go
package strength

import (
	"strings"

	"github.com/ccojocar/zxcvbn-go"
)

// judged is how many bytes of a text the estimator sees at once: its time grows faster than the square of the length
// (25 ms for 64 bytes in the worst case that was tried, 840 ms for 256).
const judged = 48

// Bits estimates how many bits an attacker must guess who knows dictionaries, names, common passwords, keyboards, and the
// given words. A long text is as strong as its stronger end, and one that repeats is as strong as what it repeats.
func Bits(text string, words ...string) float64 {
	if text == "" {
		return 0
	}
	lower := make([]string, 0, len(words))
	for _, w := range words {
		lower = append(lower, strings.ToLower(w))
	}
	unit := text[:period(text)]
	bits := zxcvbn.PasswordStrength(unit[:min(len(unit), judged)], lower).Entropy
	if len(unit) > judged {
		bits = max(bits, zxcvbn.PasswordStrength(unit[len(unit)-judged:], lower).Entropy)
	}
	return bits
}

// period returns the length of the shortest text that s begins with and merely repeats (the last time perhaps in part);
// len(s) when there is none. It takes linear time (the failure function of Knuth, Morris and Pratt).
func period(s string) int {
	border := make([]int, len(s)+1)
	border[0] = -1
	for i, k := 0, -1; i < len(s); i++ {
		for k >= 0 && s[i] != s[k] {
			k = border[k]
		}
		k++
		border[i+1] = k
	}
	return len(s) - border[len(s)]
}
