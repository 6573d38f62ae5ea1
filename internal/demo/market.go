package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

const (
	numStocks  = 240
	numDays    = 365 // of prices for each stock
	numRecs    = 100 // recommendations, numbered from 1
	numOwned   = 20  // stocks in the portfolio
	marketSeed = 42
)

// A stock is one listed company and its closing prices, oldest first.
type stock struct {
	symbol, name string
	closes       []float64
}

// names are the companies with names of their own; the rest of the market is numbered. The portfolio holds them all.
func names() [numOwned][2]string {
	return [...][2]string{
		{"AAPL", "Apple Inc."}, {"MSFT", "Microsoft Corp."}, {"AMZN", "Amazon.com Inc."}, {"GOOGL", "Alphabet Inc."},
		{"NVDA", "NVIDIA Corp."}, {"META", "Meta Platforms Inc."}, {"TSLA", "Tesla Inc."}, {"JPM", "JPMorgan Chase & Co."},
		{"JNJ", "Johnson & Johnson"}, {"V", "Visa Inc."}, {"PG", "Procter & Gamble Co."}, {"UNH", "UnitedHealth Group Inc."},
		{"HD", "Home Depot Inc."}, {"MA", "Mastercard Inc."}, {"DIS", "Walt Disney Co."}, {"BAC", "Bank of America Corp."},
		{"XOM", "Exxon Mobil Corp."}, {"KO", "Coca-Cola Co."}, {"PEP", "PepsiCo Inc."}, {"CSCO", "Cisco Systems Inc."},
	}
}

// newMarket draws every stock's prices. All follow one market to a degree of their own, so that correlations are real.
// The same numbers come out on every machine.
func newMarket() []stock {
	named := names()
	market := randomWalk(rand.New(rand.NewPCG(marketSeed, 0)), 0.0003, 0.008)
	stocks := make([]stock, numStocks)
	for i := range stocks {
		s := &stocks[i]
		if i < len(named) {
			s.symbol, s.name = named[i][0], named[i][1]
		} else {
			s.symbol, s.name = fmt.Sprintf("DM%03d", i), fmt.Sprintf("Demo Company %d Ltd.", i)
		}
		s.closes = drawCloses(rand.New(rand.NewPCG(marketSeed, uint64(i)+1)), market)
	}
	return stocks
}

// randomWalk draws one log return a day.
func randomWalk(rng *rand.Rand, drift, volatility float64) []float64 {
	returns := make([]float64, numDays)
	for d := range returns {
		returns[d] = drift + volatility*rng.NormFloat64()
	}
	return returns
}

// drawCloses draws the prices of one stock, rounded to cents.
func drawCloses(rng *rand.Rand, market []float64) []float64 {
	beta, price := 0.4+rng.Float64(), 20+380*rng.Float64()
	own := randomWalk(rng, 0, 0.004+0.012*rng.Float64())
	closes := make([]float64, numDays)
	for d := range closes {
		price = max(1, price*math.Exp(beta*market[d]+own[d]))
		closes[d] = math.Round(price*100) / 100
	}
	return closes
}

// date writes a day of the store, 0 to numDays-1. The last one is the day of the performance plan, so that answers do
// not change from one day to the next.
func date(day int) string {
	return time.Date(2026, 1, 27, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day-numDays+1).Format(time.DateOnly)
}

// returnsOf gives the daily returns of prices, one fewer than prices.
func returnsOf(closes []float64) []float64 {
	if len(closes) < 2 {
		return nil
	}
	returns := make([]float64, len(closes)-1)
	for i := range returns {
		returns[i] = closes[i+1]/closes[i] - 1
	}
	return returns
}

// mean of an empty slice is 0.
func mean(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

// deviation is the sample standard deviation; 0 for fewer than two values.
func deviation(xs []float64) float64 {
	if len(xs) < 2 {
		return 0
	}
	m, sum := mean(xs), 0.0
	for _, x := range xs {
		sum += (x - m) * (x - m)
	}
	return math.Sqrt(sum / float64(len(xs)-1))
}

// pearson is the correlation coefficient of two series of one length; 0 if one of them does not vary.
func pearson(xs, ys []float64) float64 {
	mx, my := mean(xs), mean(ys)
	var xy, xx, yy float64
	for i := range xs {
		dx, dy := xs[i]-mx, ys[i]-my
		xy, xx, yy = xy+dx*dy, xx+dx*dx, yy+dy*dy
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

// maxDrawdown is the deepest fall from a peak, as a ratio of that peak.
func maxDrawdown(values []float64) float64 {
	peak, worst := 0.0, 0.0
	for _, v := range values {
		peak = max(peak, v)
		if peak > 0 {
			worst = max(worst, 1-v/peak)
		}
	}
	return worst
}
