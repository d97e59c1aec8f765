package token

// ParseFetched reads a key set as [Remote] does.
func ParseFetched(data []byte) (keys []Key, left int, err error) {
	keys, err = reading{leave: func(error) { left++ }}.keys(data)
	return keys, left, err
}

// Verifies is for vectors whose messages are no tokens.
func Verifies(k Key, message, signature []byte) bool {
	return k.verify(compact{signingInput: string(message), signature: signature})
}
