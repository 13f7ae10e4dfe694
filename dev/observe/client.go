package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

var client = &http.Client{Timeout: 5 * time.Second}

// maxAnswer bounds the answers of the stack's programs, in bytes.
const maxAnswer = 16 << 20

// getJSON gets a URL of the stack and decodes the answer into target, if not nil. It returns an
// error unless the status is 200.
func getJSON(ctx context.Context, url string, target any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // as much as an error needs
		return fmt.Errorf("%s answers %d: %s", url, response.StatusCode, body)
	}
	if target == nil {
		return nil
	}
	return json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(target)
}
