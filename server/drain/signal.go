package drain

import (
	"context"
	"os"
	"os/signal"
)

// Until returns a context that ends with the first of the signals. With the second one the system does what it does when nobody
// listens: it ends the process. No signal is lost, however soon it follows on the first. stop frees what this holds.
func Until(ctx context.Context, signals ...os.Signal) (until context.Context, stop context.CancelFunc) {
	until, stop = context.WithCancel(ctx)
	came := make(chan os.Signal, 2)
	signal.Notify(came, signals...)
	go func() {
		select {
		case <-came:
		case <-until.Done():
		}
		signal.Stop(came) // before anybody can see that this ends, and send the second
		stop()
		select {
		case second := <-came:
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Signal(second)
			}
		default:
		}
	}()
	return until, stop
}
