package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// server answers HTTP requests with a client; it knows nothing of workers.
type server struct {
	ow  *openworkflow.Client
	log *slog.Logger
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /reports", s.create)
	mux.HandleFunc("GET /reports/{id}", s.show)
	mux.HandleFunc("GET /reports", s.list)
	return mux
}

// create starts a run. The caller's id is the idempotency key: a request that is sent twice makes one run.
func (s *server) create(w http.ResponseWriter, r *http.Request) {
	var in Request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); err != nil || in.ID == "" {
		http.Error(w, `send {"id": "…", "city": "…"}`, http.StatusBadRequest)
		return
	}
	h, err := MakeReport.Run(r.Context(), s.ow, in,
		openworkflow.WithIdempotencyKey(in.ID), openworkflow.WithDeadline(time.Now().Add(time.Hour)))
	switch {
	case errors.Is(err, openworkflow.ErrInvalidPayload), errors.Is(err, openworkflow.ErrInvalidArgument):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case err != nil:
		s.unavailable(w, err)
	default:
		http.Redirect(w, r, "/reports/"+h.ID(), http.StatusSeeOther)
	}
}

// show answers 202 while the run is under way, and its result, or why there is none, once it has ended.
func (s *server) show(w http.ResponseWriter, r *http.Request) {
	h := MakeReport.Handle(s.ow, r.PathValue("id"))
	report, err := h.Result(r.Context(), openworkflow.WithResultTimeout(0)) // looks, and does not wait
	var failed *openworkflow.RunFailedError
	switch {
	case errors.Is(err, openworkflow.ErrResultTimeout):
		s.write(w, http.StatusAccepted, map[string]string{"status": "under way"})
	case errors.Is(err, openworkflow.ErrRunNotFound):
		http.NotFound(w, r)
	case errors.Is(err, ErrUnknownCity):
		http.Error(w, "nobody knows that city", http.StatusUnprocessableEntity)
	case errors.Is(err, openworkflow.ErrRunCanceled), errors.As(err, &failed):
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case err != nil:
		s.unavailable(w, err)
	default:
		s.write(w, http.StatusOK, report)
	}
}

// list shows the latest runs, and where the next page begins.
func (s *server) list(w http.ResponseWriter, r *http.Request) {
	page, err := s.ow.ListRuns(r.Context(), openworkflow.RunFilter{
		WorkflowName: MakeReport.Name(),
		PageOptions:  openworkflow.PageOptions{Limit: 20, After: r.FormValue("after")},
	})
	if errors.Is(err, openworkflow.ErrInvalidArgument) {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err != nil {
		s.unavailable(w, err)
		return
	}
	type row struct {
		ID        string                 `json:"id"`
		Status    openworkflow.RunStatus `json:"status"`
		CreatedAt time.Time              `json:"createdAt"`
	}
	out := struct {
		Runs []row  `json:"runs"`
		Next string `json:"next,omitempty"`
	}{Runs: []row{}, Next: page.Next}
	for _, run := range page.Items {
		out.Runs = append(out.Runs, row{run.ID, run.Status, run.CreatedAt})
	}
	s.write(w, http.StatusOK, out)
}

// unavailable answers for a database that does not: nothing is lost, the caller may send the request again.
func (s *server) unavailable(w http.ResponseWriter, err error) {
	s.log.Error("request failed", "error", err)
	http.Error(w, "try again", http.StatusServiceUnavailable)
}

func (s *server) write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug("answer not sent", "error", err)
	}
}
