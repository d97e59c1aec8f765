package store_test

const childEnv = "SSOBRIDGE_STORE_TEST_CHILD"

func child() int { return 0 }
