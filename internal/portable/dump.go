package portable

import (
	"context"
	"log/slog"
	"time"
)

// scheduleDump has the counters logged from time to time.
func (s *Session) scheduleDump() {
	if s.cfg.StatsDumpInterval <= 0 {
		return
	}
	s.dump = time.AfterFunc(s.cfg.StatsDumpInterval, func() {
		s.logStats(slog.LevelInfo)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.dump != nil {
			s.dump.Reset(s.cfg.StatsDumpInterval)
		}
	})
}

// stopDump ends that.
func (s *Session) stopDump() {
	if s.dump != nil {
		s.dump.Stop()
		s.dump = nil
	}
}

func (s *Session) logStats(level slog.Level) {
	st := s.Stats()
	s.log.LogAttrs(context.Background(), level, "session statistics",
		slog.Uint64("connects", st.Connects),
		slog.Uint64("bytes_in", st.BytesIn), slog.Uint64("bytes_out", st.BytesOut),
		slog.Uint64("posted", st.MessagesPosted), slog.Uint64("acks", st.Acks), slog.Uint64("nacks", st.Nacks),
		slog.Uint64("received", st.MessagesReceived), slog.Uint64("confirmed", st.Confirms),
		slog.Uint64("retransmitted", st.Retransmitted),
		slog.Int("pending", st.PendingMessages), slog.Int64("pending_bytes", st.PendingBytes),
		slog.Int64("unsent_bytes", st.UnsentBytes))
}
