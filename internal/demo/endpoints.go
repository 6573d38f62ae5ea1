package demo

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

const (
	maxLogin   = 4 << 10 // bytes of a body
	maxPredict = 1 << 20
	maxBatch   = 128 // vectors in one prediction: the plan's largest batch
	maxValue   = 1e6 // of a feature, so that no sum overflows
)

var (
	symbolShape = regexp.MustCompile(`^[A-Z0-9.]{1,10}$`)
	searchShape = regexp.MustCompile(`^[\p{L}\p{N}&.,' -]{1,40}$`)
	keyShape    = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)
)

// endpoints are what is asked with GET below /api/ and answered through the cache: how a request becomes a query.
func (p *Platform) endpoints() map[string]func(*http.Request) (query, error) {
	return map[string]func(*http.Request) (query, error){
		"dashboard":                     always(p.dashboard),
		"portfolio/summary":             always(p.summary),
		"market/overview":               always(p.overview),
		"portfolio/holdings":            always(p.holdings),
		"portfolio/performance":         always(p.performance),
		"recommendations":               always(p.recommendations),
		"portfolio/holdings/{symbol}":   bySymbol(p.holding),
		"stocks/{symbol}/metrics":       bySymbol(p.metrics),
		"stocks/{symbol}/price":         bySymbol(p.price),
		"stocks/{symbol}/history":       p.parseHistory,
		"recommendations/{id}":          byID(p.recommendation),
		"recommendations/{id}/analysis": byID(p.analysis),
		"search":                        byText(p.search),
		"search/autocomplete":           byText(p.autocomplete),
		"analytics/correlation":         p.parseCorrelation,
		"ml/{model}/predict":            p.parsePrediction,
	}
}

func always(q func() query) func(*http.Request) (query, error) {
	return func(*http.Request) (query, error) { return q(), nil }
}

func bySymbol(q func(symbol string) query) func(*http.Request) (query, error) {
	return func(r *http.Request) (query, error) {
		symbol, err := parseSymbol(r.PathValue("symbol"))
		return q(symbol), err
	}
}

func byID(q func(id int) query) func(*http.Request) (query, error) {
	return func(r *http.Request) (query, error) {
		id, err := parseNumber("id", r.PathValue("id"), numRecs)
		return q(id), err
	}
}

func byText(q func(text string) query) func(*http.Request) (query, error) {
	return func(r *http.Request) (query, error) {
		text := strings.ToLower(r.URL.Query().Get("q"))
		if !searchShape.MatchString(text) {
			return query{}, refuse(http.StatusBadRequest, "q: %.50q, want 1 to 40 letters, digits or spaces", text)
		}
		return q(text), nil
	}
}

func (p *Platform) parseHistory(r *http.Request) (query, error) {
	symbol, err := parseSymbol(r.PathValue("symbol"))
	if err != nil {
		return query{}, err
	}
	days := numDays
	if text := r.URL.Query().Get("days"); text != "" {
		if days, err = parseNumber("days", text, numDays); err != nil {
			return query{}, err
		}
	}
	return p.history(symbol, days), nil
}

func (p *Platform) parseCorrelation(r *http.Request) (query, error) {
	first, second, _ := strings.Cut(r.URL.Query().Get("symbols"), ",")
	a, err := parseSymbol(first)
	if err != nil {
		return query{}, err
	}
	b, err := parseSymbol(second)
	if err != nil {
		return query{}, err
	}
	return p.correlation(a, b), nil
}

func (p *Platform) parsePrediction(r *http.Request) (query, error) {
	model, err := p.parseModel(r)
	if err != nil {
		return query{}, err
	}
	key := r.URL.Query().Get("key")
	if !keyShape.MatchString(key) {
		return query{}, refuse(http.StatusBadRequest, "key: %.70q, want 1 to 64 letters, digits or _ . : -", key)
	}
	return p.prediction(model, key), nil
}

func (p *Platform) parseModel(r *http.Request) (string, error) {
	name := r.PathValue("model")
	if p.models[name] == nil {
		return "", refuse(http.StatusNotFound, "model: %.50q, want one of %s", name, strings.Join(modelNames(), " "))
	}
	return name, nil
}

func parseSymbol(text string) (string, error) {
	symbol := strings.ToUpper(text)
	if !symbolShape.MatchString(symbol) {
		return "", refuse(http.StatusBadRequest, "symbol: %.20q, want 1 to 10 letters, digits or dots", text)
	}
	return symbol, nil
}

// parseNumber reads a whole number from 1 to most.
func parseNumber(field, text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refuse(http.StatusBadRequest, "%s: %.20q, want a number from 1 to %d", field, text, most)
	}
	return n, nil
}

func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	return secret
}

// serveLogin lets everybody in who has a name and a password. The token is worth nothing: no endpoint asks for it.
func (p *Platform) serveLogin(w http.ResponseWriter, r *http.Request) {
	var login struct{ Username, Password string }
	if err := readJSON(w, r, maxLogin, &login); err != nil {
		p.writeError(w, r, err)
		return
	}
	if login.Username == "" || login.Password == "" {
		p.writeError(w, r, refuse(http.StatusUnauthorized, "username and password must not be empty"))
		return
	}
	mac := hmac.New(sha256.New, p.secret)
	_, _ = mac.Write([]byte(login.Username))
	writeJSON(w, http.StatusOK, object{"access_token": hex.EncodeToString(mac.Sum(nil)), "token_type": "bearer"})
}

// servePredict scores one vector or a batch of them. Nothing is cached: every body is new.
func (p *Platform) servePredict(w http.ResponseWriter, r *http.Request) {
	model, err := p.parseModel(r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	var input struct{ Features json.RawMessage }
	if err := readJSON(w, r, maxPredict, &input); err != nil {
		p.writeError(w, r, err)
		return
	}
	batch, err := parseFeatures(input.Features)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	predictions := make([]float64, len(batch))
	for i, features := range batch {
		predictions[i] = p.models[model].predict(features)
	}
	writeJSON(w, http.StatusOK, object{"model": model, "predictions": predictions})
}

func readJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(v)
	var large *http.MaxBytesError
	if err == nil {
		return nil
	}
	if errors.As(err, &large) {
		return large
	}
	return refuse(http.StatusBadRequest, "body: not the JSON that is wanted here")
}

// parseFeatures reads a vector or a list of vectors.
func parseFeatures(text json.RawMessage) ([][]float64, error) {
	batch := make([][]float64, 1)
	if json.Unmarshal(text, &batch[0]) != nil {
		batch = nil
		if json.Unmarshal(text, &batch) != nil {
			return nil, refuse(http.StatusBadRequest, "features: want a list of numbers, or a list of such lists")
		}
	}
	if len(batch) < 1 || len(batch) > maxBatch {
		return nil, refuse(http.StatusBadRequest, "features: %d vectors, want 1 to %d", len(batch), maxBatch)
	}
	for _, features := range batch {
		if err := checkFeatures(features); err != nil {
			return nil, err
		}
	}
	return batch, nil
}

func checkFeatures(features []float64) error {
	if len(features) != numFeatures {
		return refuse(http.StatusBadRequest, "features: %d numbers in a vector, want %d", len(features), numFeatures)
	}
	for _, f := range features {
		if math.Abs(f) > maxValue {
			return refuse(http.StatusBadRequest, "features: %g, want at most %g either side of 0", f, maxValue)
		}
	}
	return nil
}
