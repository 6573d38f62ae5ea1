package demo

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

const (
	numFeatures = 50
	numHidden   = 16
)

// modelNames are the models of the plan; recommend is the one that scores recommendations.
func modelNames() []string {
	return []string{"growth", "value", "momentum", "risk", "sentiment", "recommend"}
}

// A perceptron is a network with one hidden layer of tanh units and one logistic output. It is immutable.
type perceptron struct {
	hidden [numHidden][numFeatures]float64
	bias   [numHidden]float64
	output [numHidden]float64
}

// newModels makes the models, with weights drawn from their names: untrained, but the same everywhere.
func newModels() map[string]*perceptron {
	models := map[string]*perceptron{}
	for _, name := range modelNames() {
		rng, m := rand.New(rand.NewPCG(marketSeed, hashOf(name))), &perceptron{}
		for h := range m.hidden {
			for f := range m.hidden[h] {
				m.hidden[h][f] = rng.NormFloat64() / math.Sqrt(numFeatures)
			}
			m.bias[h], m.output[h] = rng.NormFloat64()/4, rng.NormFloat64()/2
		}
		models[name] = m
	}
	return models
}

// predict scores one vector of numFeatures finite values, from 0 to 1. It does not allocate.
func (m *perceptron) predict(features []float64) float64 {
	out := 0.0
	for h := range m.hidden {
		sum := m.bias[h]
		for f, w := range m.hidden[h] {
			sum += w * features[f]
		}
		out += m.output[h] * math.Tanh(sum)
	}
	return 1 / (1 + math.Exp(-out))
}

// featuresOf condenses a year of prices: the last 30 returns, distances from ten moving averages, five volatilities and
// five momenta, each scaled to about 1.
func featuresOf(closes []float64) []float64 {
	returns, last := returnsOf(closes), closes[len(closes)-1]
	features := make([]float64, 0, numFeatures)
	for _, r := range returns[len(returns)-30:] {
		features = append(features, 50*r)
	}
	for n := 5; n <= 50; n += 5 {
		features = append(features, 10*(last/mean(closes[len(closes)-n:])-1))
	}
	for _, n := range []int{5, 20, 60, 120, 250} {
		features = append(features, 50*deviation(returns[len(returns)-n:]))
	}
	for _, n := range []int{7, 30, 90, 180, 360} {
		features = append(features, last/closes[len(closes)-n]-1)
	}
	return features
}

// featuresFor draws the vector that stands behind a key of ?key=. Only 10,000 different ones exist, so that the cache
// cannot be filled without end; the number is what the cache knows them by.
func featuresFor(key string) (number uint64, features []float64) {
	number = hashOf(key) % 10_000
	rng := rand.New(rand.NewPCG(marketSeed, number))
	features = make([]float64, numFeatures)
	for i := range features {
		features[i] = rng.NormFloat64()
	}
	return number, features
}

func hashOf(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}
