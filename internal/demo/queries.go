package demo

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A query is one answer that can be asked for: the key the cache knows it by, and how to make it without the cache.
type query struct {
	key  string
	load func(ctx context.Context) (any, error)
}

// An object is a JSON object of an answer.
type object map[string]any

const (
	tradingDays = 252 // a year's, by which daily volatility becomes yearly
	topStocks   = 5   // in the short lists of the dashboard and the market
	searchLimit = 20
)

// warmQueries are what every user of the plan's task tree asks for first.
func (p *Platform) warmQueries() []query {
	all := []query{
		p.dashboard(), p.summary(), p.overview(), p.holdings(), p.performance(), p.recommendations(),
		p.correlation("AAPL", "MSFT"), p.search("apple"), p.autocomplete("ap"),
	}
	for _, symbol := range []string{"AAPL", "MSFT"} {
		all = append(all, p.holding(symbol), p.metrics(symbol), p.history(symbol, numDays), p.price(symbol))
	}
	for id := 1; id <= 3; id++ {
		all = append(all, p.recommendation(id), p.analysis(id))
	}
	return all
}

func (p *Platform) dashboard() query {
	return query{"dashboard", func(ctx context.Context) (any, error) {
		all, err := p.store.positions(ctx)
		if err != nil {
			return nil, err
		}
		value, before := worth(all)
		return object{"portfolio_value": value, "day_change": value - before, "day_change_ratio": value/before - 1,
			"top_holdings": all[:min(topStocks, len(all))]}, nil
	}}
}

// worth adds up a portfolio at the last close and at the one before.
func worth(all []position) (value, before float64) {
	for _, h := range all {
		value += h.Value
		before += h.Previous * float64(h.Quantity)
	}
	return value, before
}

func (p *Platform) summary() query {
	return query{"portfolio:summary", func(ctx context.Context) (any, error) {
		all, err := p.store.positions(ctx)
		if err != nil {
			return nil, err
		}
		value, _ := worth(all)
		cost := 0.0
		for _, h := range all {
			cost += h.Cost * float64(h.Quantity)
		}
		return object{"positions": len(all), "value": value, "cost": cost, "gain": value - cost, "gain_ratio": value/cost - 1}, nil
	}}
}

func (p *Platform) overview() query {
	return query{"market:overview", func(ctx context.Context) (any, error) {
		all, err := p.store.quotes(ctx)
		if err != nil {
			return nil, err
		}
		up, down := 0, 0
		for _, q := range all {
			switch {
			case q.Close > q.Previous:
				up++
			case q.Close < q.Previous:
				down++
			}
		}
		slices.SortStableFunc(all, func(a, b quote) int { return -cmpFloat(a.change(), b.change()) })
		losers := slices.Clone(all[len(all)-topStocks:])
		slices.Reverse(losers)
		return object{"day": date(numDays - 1), "stocks": len(all), "advancers": up, "decliners": down,
			"gainers": all[:topStocks], "losers": losers}, nil
	}}
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (p *Platform) holdings() query {
	return query{"portfolio:holdings", func(ctx context.Context) (any, error) {
		all, err := p.store.positions(ctx)
		return object{"holdings": all}, err
	}}
}

func (p *Platform) holding(symbol string) query {
	return query{"portfolio:holdings:" + symbol, func(ctx context.Context) (any, error) {
		all, err := p.store.positions(ctx)
		if err != nil {
			return nil, err
		}
		for _, h := range all {
			if h.Symbol == symbol {
				return h, nil
			}
		}
		return nil, fmt.Errorf("holding %q: %w", symbol, errNotFound)
	}}
}

func (p *Platform) performance() query {
	return query{"portfolio:performance", func(ctx context.Context) (any, error) {
		values, err := p.store.values(ctx)
		if err != nil {
			return nil, err
		}
		returns := returnsOf(values)
		return object{"days": len(values), "from": date(0), "to": date(numDays - 1), "values": values,
			"total_return": values[len(values)-1]/values[0] - 1, "max_drawdown": maxDrawdown(values),
			"volatility": deviation(returns) * math.Sqrt(tradingDays)}, nil
	}}
}

func (p *Platform) search(text string) query {
	return query{"search:" + text, func(ctx context.Context) (any, error) {
		found, err := p.store.search(ctx, text, false, searchLimit)
		return object{"query": text, "results": orEmpty(found)}, err
	}}
}

func (p *Platform) autocomplete(text string) query {
	return query{"autocomplete:" + text, func(ctx context.Context) (any, error) {
		found, err := p.store.search(ctx, text, true, searchLimit)
		suggestions := make([]string, len(found))
		for i, q := range found {
			suggestions[i] = q.Symbol
		}
		return object{"query": text, "suggestions": suggestions}, err
	}}
}

// orEmpty makes JSON say [] and not null.
func orEmpty[T any](xs []T) []T {
	if xs == nil {
		return []T{}
	}
	return xs
}

func (p *Platform) price(symbol string) query {
	return query{"price:" + symbol, func(ctx context.Context) (any, error) {
		q, err := p.store.quote(ctx, symbol)
		return object{"symbol": symbol, "day": date(numDays - 1), "price": q.Close}, err
	}}
}

func (p *Platform) metrics(symbol string) query {
	return query{"metrics:" + symbol, func(ctx context.Context) (any, error) {
		closes, err := p.store.closes(ctx, symbol, numDays)
		if err != nil {
			return nil, err
		}
		last := closes[len(closes)-1]
		return object{"symbol": symbol, "day": date(numDays - 1), "close": last, "low": slices.Min(closes), "high": slices.Max(closes),
			"sma_20": mean(closes[len(closes)-20:]), "sma_50": mean(closes[len(closes)-50:]),
			"volatility": deviation(returnsOf(closes)) * math.Sqrt(tradingDays)}, nil
	}}
}

func (p *Platform) history(symbol string, days int) query {
	return query{"history:" + symbol + ":" + strconv.Itoa(days), func(ctx context.Context) (any, error) {
		closes, err := p.store.closes(ctx, symbol, days)
		prices := make([]object, len(closes))
		for i, c := range closes {
			prices[i] = object{"day": date(numDays - len(closes) + i), "close": c}
		}
		return object{"symbol": symbol, "days": len(prices), "prices": prices}, err
	}}
}

// correlation is Pearson's coefficient of the daily returns of a year. The order of the two symbols does not matter.
func (p *Platform) correlation(a, b string) query {
	a, b = min(a, b), max(a, b)
	return query{"correlation:" + a + ":" + b, func(ctx context.Context) (any, error) {
		as, err := p.store.closes(ctx, a, numDays)
		if err != nil {
			return nil, err
		}
		bs, err := p.store.closes(ctx, b, numDays)
		if err != nil {
			return nil, err
		}
		return object{"symbols": []string{a, b}, "returns": len(as) - 1, "correlation": pearson(returnsOf(as), returnsOf(bs))}, nil
	}}
}
