package keyset

// ParseFetched reads a key set as [Remote] does.
func ParseFetched(data []byte) (keys []Key, left int, err error) {
	keys, err = reading{leave: func(error) { left++ }}.keys(data)
	return keys, left, err
}

// ParsePublicKeys is [ParseKeys] for what an issuer publishes.
func ParsePublicKeys(data []byte) (Set, error) { return reading{}.keySet(data) }
