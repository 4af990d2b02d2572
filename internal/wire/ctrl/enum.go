package ctrl

import "fmt"

// enum is an integer type with a closed set of named values.
type enum interface{ names() map[int32]string }

// StatusCategory is the kind of a Status.
type StatusCategory int32

// The status categories.
const (
	StatusSuccess         StatusCategory = 0
	StatusUnknown         StatusCategory = -1
	StatusTimeout         StatusCategory = -2
	StatusNotConnected    StatusCategory = -3
	StatusCanceled        StatusCategory = -4
	StatusNotSupported    StatusCategory = -5
	StatusRefused         StatusCategory = -6
	StatusInvalidArgument StatusCategory = -7
	StatusNotReady        StatusCategory = -8
)

var statusCategories = map[int32]string{
	0: "E_SUCCESS", -1: "E_UNKNOWN", -2: "E_TIMEOUT", -3: "E_NOT_CONNECTED", -4: "E_CANCELED",
	-5: "E_NOT_SUPPORTED", -6: "E_REFUSED", -7: "E_INVALID_ARGUMENT", -8: "E_NOT_READY",
}

func (StatusCategory) names() map[int32]string { return statusCategories }

// String returns the name that JSON uses.
func (c StatusCategory) String() string { return enumName(c, int32(c)) }

// ClientType is the role of a peer.
type ClientType int32

// The client types.
const (
	ClientUnknown   ClientType = 0
	ClientTCPClient ClientType = 1
	ClientTCPBroker ClientType = 2
	ClientTCPAdmin  ClientType = 3
)

var clientTypes = map[int32]string{0: "E_UNKNOWN", 1: "E_TCPCLIENT", 2: "E_TCPBROKER", 3: "E_TCPADMIN"}

func (ClientType) names() map[int32]string { return clientTypes }

// String returns the name that JSON uses.
func (c ClientType) String() string { return enumName(c, int32(c)) }

// ClientLanguage is the language of a peer's SDK. The protocol knows no others.
type ClientLanguage int32

// The languages.
const (
	LanguageUnknown ClientLanguage = 0
	LanguageCPP     ClientLanguage = 1
	LanguageJava    ClientLanguage = 2
)

var clientLanguages = map[int32]string{0: "E_UNKNOWN", 1: "E_CPP", 2: "E_JAVA"}

func (ClientLanguage) names() map[int32]string { return clientLanguages }

// String returns the name that JSON uses.
func (c ClientLanguage) String() string { return enumName(c, int32(c)) }

// ExpressionVersion says whether and how an expression is to be read.
type ExpressionVersion int32

// The expression versions.
const (
	ExpressionUndefined ExpressionVersion = 0
	ExpressionVersion1  ExpressionVersion = 1
)

var expressionVersions = map[int32]string{0: "E_UNDEFINED", 1: "E_VERSION_1"}

func (ExpressionVersion) names() map[int32]string { return expressionVersions }

// String returns the name that JSON uses.
func (v ExpressionVersion) String() string { return enumName(v, int32(v)) }

func enumName(e enum, n int32) string {
	if name, ok := e.names()[n]; ok {
		return name
	}
	return fmt.Sprintf("%T(%d)", e, n)
}
