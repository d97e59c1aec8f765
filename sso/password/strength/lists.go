package strength

import (
	"strings"
	"sync"

	"github.com/ccojocar/zxcvbn-go/data"
)

// Prepare reads the lists of words, which the first estimate does otherwise. Who has something else to do until then calls it
// beside that.
func Prepare() { lists() }

// lists are the library's lists of words, the commonest word first.
var lists = sync.OnceValue(func() (all [][]string) {
	for _, name := range []string{"Passwords", "English", "FemaleNames", "MaleNames", "Surnames"} {
		text, err := data.Asset("data/" + name + ".json")
		if err != nil { // a part of the program
			panic(err)
		}
		all = append(all, texts(strings.ToLower(string(text)))[1:]) // the first is the name of the list's field
	}
	return all
})

// texts are those of a JSON document without escapes. A decoder takes four times as long.
func texts(document string) (all []string) {
	for i, part := range strings.Split(document, `"`) {
		if i%2 == 1 {
			all = append(all, part)
		}
	}
	return all
}
