package demo

import (
	"context"
	"strconv"
)

// A recommendation is what the recommend model makes of one stock.
type recommendation struct {
	ID     int     `json:"id"`
	Symbol string  `json:"symbol"`
	Name   string  `json:"name"`
	Price  float64 `json:"price"`
	Score  float64 `json:"score"` // 0 to 1
	Action string  `json:"action"`
}

func (p *Platform) recommend(r recommended) recommendation {
	score := p.models["recommend"].predict(r.features)
	return recommendation{ID: r.id, Symbol: r.Symbol, Name: r.Name, Price: r.Close, Score: score, Action: actionOf(score)}
}

func actionOf(score float64) string {
	switch {
	case score > 0.6:
		return "buy"
	case score < 0.4:
		return "sell"
	}
	return "hold"
}

func (p *Platform) recommendations() query {
	return query{"recommendations", func(ctx context.Context) (any, error) {
		found, err := p.store.recommended(ctx, 0)
		all := make([]recommendation, len(found))
		for i, r := range found {
			all[i] = p.recommend(r)
		}
		return object{"recommendations": all}, err
	}}
}

func (p *Platform) recommendation(id int) query {
	return query{"recommendations:" + strconv.Itoa(id), func(ctx context.Context) (any, error) {
		r, err := only(p.store.recommended(ctx, id))
		if err != nil {
			return nil, err
		}
		return p.recommend(r), nil
	}}
}

// analysis asks every model about one recommendation.
func (p *Platform) analysis(id int) query {
	return query{"analysis:" + strconv.Itoa(id), func(ctx context.Context) (any, error) {
		r, err := only(p.store.recommended(ctx, id))
		if err != nil {
			return nil, err
		}
		scores := map[string]float64{}
		for name, m := range p.models {
			scores[name] = m.predict(r.features)
		}
		return object{"recommendation": p.recommend(r), "scores": scores}, nil
	}}
}

// prediction is one model's score of the vector behind a key.
func (p *Platform) prediction(model, key string) query {
	number, features := featuresFor(key)
	return query{"predict:" + model + ":" + strconv.FormatUint(number, 10), func(context.Context) (any, error) {
		return object{"model": model, "prediction": p.models[model].predict(features)}, nil
	}}
}
