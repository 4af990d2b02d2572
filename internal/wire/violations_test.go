package wire_test

// violations are the outcomes of all events from the client, and of those from the
// broker that are not in order, of the recordings with violations: number of the
// line, what it was taken for, what is wrong. The remark is what the official broker did.
var violations = map[string][]string{
	"90-hostile-length": {
		"3 ClientIdentity",
		"6 _RAW event length 4", // closed
		"11 ClientIdentity",
		"14 _RAW event length 0", // closed
		"19 ClientIdentity",
		"22 _RAW event length -2147483640", // closed
		"27 ClientIdentity",
		"30 _PARTIAL event length 2147483647 is above the limit of 536870912 bytes", // waited for more
		"35 ClientIdentity",
		"38 OpenQueue",
		"40 _PARTIAL 30 of 52 bytes", // waited for more
		"45 ClientIdentity",
		"48 event event header of 252 bytes in an event of 16", // dropped
		"49 OpenQueue",
		"54 ClientIdentity",
		"58 event event header of 0 bytes in an event of 16", // dropped
		"59 OpenQueue",
		"65 ClientIdentity",
		"68 event event header of 4 bytes in an event of 16", // dropped
		"69 OpenQueue",
		"75 ClientIdentity",
		"78 CONTROL control message: BER: no sequence at the top", // dropped
		"79 OpenQueue",
		"85 ClientIdentity",
		"88 event event of 5 bytes has no complete header", // dropped
		"89 OpenQueue",
	},
	// Whatever is no good identity at the start made the broker close the connection.
	"91-hostile-negotiation": {
		"3 CONTROL control message: BER: length of 45 octets",
		"8 PUT of 1",
		"13 CONTROL control message: JSON: a choice with 2 members",
		"18 HEARTBEAT_REQ",
		"23 TYPE_40",
		"28 ClientIdentity", // client type E_UNKNOWN: closed
		"33 CONTROL control message: 99 is no ClientLanguage",
		"38 CONTROL control message: JSON: \"E_GO\" is no ClientLanguage",
		"43 ClientIdentity", // language E_UNKNOWN: accepted
		"46 OpenQueue",
		"52 ClientIdentity", // protocol version 2: accepted
		"55 OpenQueue",
		"61 ClientIdentity", // SDK version 1: refused, but the session worked
		"64 OpenQueue",
		"70 CONTROL control message: JSON: null is no ClientType",
		"75 ClientIdentity",
		"78 no selection without id", // a second identity: dropped
		"79 OpenQueue",
		"85 ClientIdentity",
		"88 CONTROL control message: BER: int32 as a constructed element", // a second identity: dropped
		"89 OpenQueue",
	},
	"92-hostile-control": {
		"3 ClientIdentity",
		"7 CONTROL control message: BER: length of 45 octets",                                                    // dropped
		"10 CONTROL control message: JSON: invalid character '\\x03' looking for beginning of object key string", // dropped
		"13 CONTROL control message: unknown encoding 3",                                                         // dropped
		"16 no selection without id",                                                                             // dropped
		"19 OpenQueue without id",                                                                                // dropped
		"22 OpenQueue with a negative id",                                                                        // dropped
		"25 Status",                                                                                              // dropped
		"28 no selection",                                                                                        // dropped
		"31 DisconnectResponse",                                                                                  // dropped
		"33 OpenQueue",
		"36 ConfigureStream", // unknown queue: answered with a status
		"39 CloseQueue",      // unknown queue: answered with a status
		"42 Disconnect",
		"45 OpenQueue", // after disconnect: dropped
	},
	"93-hostile-put": {
		"3 ClientIdentity",
		"6 OpenQueue",
		"8 ConfigureStream",
		"10 OpenQueue",
		"13 PUT of 1",
		"19 PUT of 1",                // queue never opened: NACK
		"23 PUT of 1",                // the same, no ACK asked for: NACK
		"27 PUT of 1",                // queue -1: NACK
		"31 PUT of 1",                // GUID unset: NACK
		"35 PUT of 1 wrong checksum", // delivered
		"41 PUT of 1",                // queue open for reading only: NACK
		"45 PUT of 0 message 1: the padding is not valid",                // dropped
		"47 PUT of 0 message 1: there is no application data",            // dropped
		"49 PUT of 0 message 1: unknown compression algorithm 5",         // dropped
		"51 PUT of 0 message 1: it has 80 bytes, the event only 44 more", // dropped
		"53 PUT of 1", // unknown flags: delivered
		"59 PUT of 0 message 1: schema id 3 without properties",                   // dropped
		"61 PUT of 1 properties of 29213128 bytes with a header of 12 in 7 bytes", // dropped
		"63 PUT of 1 compressed data: zlib: invalid header",                       // delivered
		"64 PUSH of 1 compressed data: zlib: invalid header",                      // the same for the consumer
		"69 PUT of 1", // delivered
		"75 PUT of 1", // the same GUID again: ACK, not delivered
		"79 PUT of 1 message 2: there is no application data", // the first is delivered, the third dropped
		"85 PUT of 0 message 0: the event is empty",           // dropped
		"86 CloseQueue",
		"90 PUT of 1", // queue closed: NACK
		"93 OpenQueue",
		"96 Disconnect",
	},
	"94-hostile-confirm-reject-types": {
		"3 ClientIdentity",
		"6 OpenQueue",
		"8 ConfigureStream",
		"10 PUT of 1",
		"14 CONFIRM of 1", // unknown GUID: ignored
		"16 CONFIRM of 1", // unknown queue: ignored
		"18 CONFIRM of 1", // unknown sub-queue: ignored
		"20 CONFIRM records of 0 bytes after a header of 4",  // ignored
		"22 CONFIRM records of 24 bytes after a header of 0", // ignored
		"24 CONFIRM 0 bytes are no whole number of records of 24",
		"26 REJECT of 1", // ignored
		"28 ACK of 1",    // ignored
		"30 PUSH of 0 message 1: a header of 0 and options of 0 bytes in 0",
		"32 CLUSTER_STATE", // ignored
		"34 STORAGE",       // ignored
		"36 event event type is UNDEFINED",
		"38 TYPE_40",                          // ignored
		"40 HEARTBEAT_RSP",                    // ignored
		"42 HEARTBEAT_REQ",                    // answered
		"46 HEARTBEAT_REQ of another version", // answered
		"50 CONFIRM of 1",
		"52 CONFIRM of 1", // confirmed before: ignored
		"53 OpenQueue",
	},
	"95-reauthentication-raw": {
		"4 Request",
		"7 ClientIdentity",
		"11 Request",
		"14 OpenQueue",
		"20 Request",
		"24 ClientIdentity",
		"28 Request", // another mechanism: closed
		"33 ClientIdentity",
		"37 Request", // never authenticated before: the broker crashed
	},
	"96-reauthentication-basic-raw": {
		"4 Request",
		"7 ClientIdentity",
		"11 Request",
		"14 OpenQueue",
		"20 Request",
		"24 ClientIdentity",
		"28 Request", // wrong password: refused and closed
		"36 Request",
		"39 ClientIdentity",
		"43 Request", // another user: refused and closed
		"51 Request",
		"54 ClientIdentity",
		"58 AUTHENTICATION control message: BER: length of 45 octets", // dropped
		"59 OpenQueue",
	},
}
