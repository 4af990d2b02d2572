package engine

// FakeKind is the bmq.EngineKind by which tests that are built with the tag bmqfake
// ask for a double of libbmq.
const FakeKind = 1 << 10
