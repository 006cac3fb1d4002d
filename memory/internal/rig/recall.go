package rig

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Exchange is a user's message and the reply to it.
type Exchange struct{ User, Assistant string }

// Fact is something the user mentioned once, and a question for it in other
// words. Value occurs nowhere else in the conversation.
type Fact struct {
	Turn     int // counted from 1
	Said     string
	Question string
	Value    string
	Named    bool // question and statement name the same person
}

// Talk is a long conversation with facts in it.
type Talk struct {
	Exchanges []Exchange
	Facts     []Fact
}

// relation is a kind of fact: {a} is a person, {v} what is asked for.
// Statements and questions share the person and, as far as English allows, no
// other word that tells anything.
type relation struct {
	said, asked []string
	values      []string
}

func numbers(from, step, n int) []string {
	var out []string
	for i := range n {
		out = append(out, strconv.Itoa(from+i*step))
	}
	return out
}

var relations = []relation{
	{
		[]string{"{a} just got a puppy and calls it {v}.", "The terrier at {a}'s place answers to {v}.", "There is a new dog at {a}'s, they went for {v}."},
		[]string{"What is the name of {a}'s pet?", "How is the four-legged friend of {a} called?", "Which name did {a} pick for the animal?"},
		strings.Fields("Biscuit Ziggy Waffles Pickle Noodle Bandit Mochi Pepper Tofu Rascal"),
	},
	{
		[]string{"{a} was born on {v}.", "{a} turns a year older on {v}.", "We always have cake with {a} on {v}."},
		[]string{"When is {a}'s birthday?", "On which date do I have to congratulate {a}?", "Which day do we celebrate for {a}?"},
		[]string{"3 March", "17 May", "29 August", "11 November", "22 February", "8 October", "14 December", "30 June"},
	},
	{
		[]string{"{a} breaks out in hives after {v}.", "Doctors told {a} to keep away from {v} for good.", "A bite of {v} and {a} ends up in hospital."},
		[]string{"What is {a} allergic to?", "Which food must I avoid when {a} comes for dinner?", "Is there something {a} cannot eat?"},
		strings.Fields("walnuts shellfish sesame celery peanuts lupin mustard kiwi"),
	},
	{
		[]string{"{a} earns a living as a {v}.", "Since spring {a} has been employed as a {v}.", "{a} trained for years to become a {v}."},
		[]string{"What does {a} do professionally?", "Which occupation does {a} have?", "What is {a}'s job?"},
		strings.Fields("locksmith beekeeper cartographer plumber radiologist upholsterer welder notary"),
	},
	{
		[]string{"{a} moved house and lives in {v} now.", "You will find {a} in {v} these days.", "{a} has rented a flat in {v}."},
		[]string{"Where did {a} settle down?", "Which town is {a}'s home?", "In what city could I visit {a}?"},
		strings.Fields("Utrecht Bergamo Aarhus Lviv Ghent Porto Tartu Graz Malmo Nantes"),
	},
	{
		[]string{"{a} drives an old {v}.", "{a} bought a second-hand {v} last month.", "In {a}'s garage stands a {v}."},
		[]string{"What vehicle does {a} own?", "Which make of car belongs to {a}?", "What does {a} use to get around by road?"},
		strings.Fields("Skoda Saab Lancia Dacia Subaru Volvo Fiat Mazda"),
	},
	{
		[]string{"You can ring {a} on extension {v}.", "{a} sits behind desk phone {v}.", "{a} picks up when you try {v}."},
		[]string{"Which number must I dial for {a}?", "How do I reach {a} for a call?", "What are the digits for getting hold of {a}?"},
		numbers(4107, 61, 10),
	},
	{
		[]string{"{a} practises the {v} every evening.", "At weekends {a} performs on the {v} in a small band.", "The neighbours complain about {a} and the {v}."},
		[]string{"Which instrument does {a} play?", "What does {a} make music with?", "What is {a}'s musical hobby?"},
		strings.Fields("bassoon banjo oboe marimba harp tuba mandolin zither"),
	},
	{
		[]string{"{a} needs shoes in {v}.", "Boots only fit {a} in {v}.", "On the feet of {a} goes a {v}."},
		[]string{"What size of footwear shall I order for {a}?", "How large are the sneakers that {a} wears?"},
		numbers(30, 1, 9),
	},
	{
		[]string{"{a} tied the knot with {v} in June.", "{a} and {v} are husband and wife now.", "{a} got engaged to {v}."},
		[]string{"Who is {a}'s partner?", "Whom did {a} marry?", "What is the spouse of {a} called?"},
		strings.Fields("Ottilie Casimir Leopold Wanda Gustav Rosalind Ambrose Thekla"),
	},
	{
		[]string{"{a} may spend at most {v} euros on it.", "The ceiling for {a} is {v} euros.", "Nobody lets {a} go beyond {v} euros."},
		[]string{"How much money is available to {a}?", "What is {a}'s budget?", "Which amount has {a} been granted?"},
		numbers(2350, 175, 10),
	},
	{
		[]string{"The draft from {a} has to be in by the {v}.", "{a} promised to hand over the pages on the {v}.", "We expect the manuscript from {a} on the {v}."},
		[]string{"What deadline did {a} agree to?", "When will {a} deliver the document?", "By which date must {a} be finished writing?"},
		[]string{"first Monday of Lent", "eve of St John", "second Friday of Advent", "ides of the month", "last Thursday of term"},
	},
	{
		[]string{"{a} would eat {v} every day.", "Nothing beats {v}, says {a}.", "{a} always asks for a second plate of {v}."},
		[]string{"What is {a}'s favourite meal?", "Which dish could I cook to please {a}?", "What does {a} like best at table?"},
		strings.Fields("moussaka pierogi gnocchi ratatouille goulash paella shakshuka laksa"),
	},
	{
		[]string{"{a} hid the spare key under the {v}.", "For emergencies {a} left a second key behind the {v}.", "{a} leaves the front door key in the {v}."},
		[]string{"How do I get into {a}'s house when nobody is there?", "Where can I find what opens {a}'s entrance?"},
		strings.Fields("birdbath flowerpot doormat letterbox woodpile rainbarrel"),
	},
	{
		[]string{"{a} painted the kitchen {v}.", "All walls at {a}'s are {v} now.", "{a} went for {v} in the hall."},
		[]string{"Which colour did {a} choose for the room?", "What shade is it at {a}'s place since the renovation?"},
		strings.Fields("turquoise ochre magenta vermilion teal lavender"),
	},
	{
		[]string{"{a} grew up speaking {v}.", "At home {a} and the parents talk {v}.", "{a} dreams in {v}."},
		[]string{"What is {a}'s mother tongue?", "Which language is native to {a}?"},
		strings.Fields("Basque Frisian Maltese Icelandic Welsh Ladin"),
	},
	{
		[]string{"{a} cannot put down {v}, every page of it.", "On {a}'s bedside table lies {v}.", "{a} borrowed {v} from the library."},
		[]string{"What is {a} reading at the moment?", "Which novel has {a} got into?"},
		strings.Fields("Middlemarch Dracula Solaris Persuasion Buddenbrooks Oblomov"),
	},
	{
		[]string{"{a} is terrified of {v}.", "{a} runs away screaming from {v}.", "Mention {v} and {a} turns pale."},
		[]string{"What scares {a}?", "Which phobia does {a} have?", "What is {a} most afraid of?"},
		strings.Fields("moths elevators clowns thunder needles lizards"),
	},
}

// personal facts name nobody, and their questions share no word that tells
// anything with what was said.
var personal = []relation{
	{[]string{"My throat swells shut after {v}.", "One spoon of {v} and I need an ambulance."}, []string{"Which ingredient should you leave out of recipes for me?"}, []string{"cashews", "fennel", "prawns"}},
	{[]string{"We called our newborn {v}.", "The baby arrived at last, she is {v}."}, []string{"What is my daughter's name?"}, []string{"Philippa", "Marisol", "Ingrid"}},
	{[]string{"I commute by {v} whatever the weather.", "Snow or rain, it is the {v} for me every morning."}, []string{"How do I usually get to the office?"}, []string{"tricycle", "kayak", "funicular"}},
	{[]string{"The landlord wants {v} a month from us.", "Each first of the month {v} leave my account for the flat."}, []string{"How high is my rent?"}, []string{"1187", "1342", "1493"}},
}

var people = strings.Fields("Anna Boris Carla Dmitri Elena Farid Greta Hassan Ivana Jorge Katja Luis Mei Nikhil Olga Pavel Quentin Rosa Selim Tamara Ugo Vera Walid Xenia Yusuf Zora")

// about are remarks on a person that hold no fact anybody asks for; {n}, {p} and
// {t} are any thing, place and time, so that few remarks are alike.
var about = []string{
	"{a} sends regards from the {p}, by the way.", "I ran into {a} at the {p} and we talked about the {n} for an hour.", "{a} thinks the {n} was a waste, {t}.",
	"{t} {a} helped me carry the {n} to the {p}.", "{a} was late for the {p} again and blamed the {n}.", "I am not sure {a} liked the {n} at the {p}.",
	"{a} laughed a lot when I told the story of the {n}.", "Maybe {a} can join us at the {p} {t}.", "{a} has not answered my message on the {n} yet.",
	"I owe {a} a favour since the business with the {n}.", "{a} keeps recommending that podcast about the {n}.", "We watched the match at the {p} together with {a}.",
	"{a} wants to know how it went with the {n} {t}.", "I have to thank {a} for the {n}.", "{a} had a cold {t} and skipped the {p}.",
	"{a} asked about the pictures of the {n} from the {p}.", "It was {a} who came up with the {n}.", "{a} sounded tired {t}, all because of the {n}.",
	"{a} and I disagree about almost every {n}.", "{t} {a} will be travelling to the {p} with a {n}.", "{a} brought a {n} to the {p}, which was kind.",
}

var (
	things = strings.Fields("ladder calendar lantern blanket printer kettle curtain compass umbrella toolbox sculpture mattress postcard scanner thermos backpack poster tripod bookcase mirror radio basket heater tablecloth whistle stapler carpet helmet")
	places = strings.Fields("market library stadium harbour museum bakery cinema gym allotment chapel swimming-pool post-office playground canteen lighthouse workshop car-park theatre square ferry")
	times  = strings.Split("Yesterday,Last week,On Sunday,This morning,At noon,Two days ago,Before the holidays,Late at night,Around Easter,In the rain", ",")
)

// generic are remarks on nobody, some with the words that questions have.
var generic = []string{
	"The weather has been dreadful, rain for days.", "I am thinking about reorganising my bookshelf.", "Planning a birthday party is a lot of work.",
	"My laptop keeps overheating when I compile.", "Which name would suit a sailing boat?", "Is it normal that a deadline moves twice in a week?",
	"I read that pets lower blood pressure.", "The train was crowded and I had to stand.", "Could you suggest a meal that takes twenty minutes?",
	"I wonder which language is the hardest to learn.", "What is a fair amount of money for a used bicycle?", "The office has new chairs, not bad at all.",
	"My favourite colour changes every year, honestly.", "I tried that recipe and it was too salty.", "How do cities decide where to build a tram?",
	"The concert was sold out in minutes.", "I should call the dentist before the weekend.", "Do people still keep a phone by the door?",
	"The garden needs water, and I keep forgetting.", "There was a power cut in our street.", "I lost a sock in the laundry, a mystery.",
	"What would be a good hobby for long evenings?", "I am trying to drink less coffee.", "An occupation with fresh air would be nice.",
	"The neighbour's vehicle alarm went off all night.", "How large is a standard envelope?", "I cannot decide which novel to start.",
	"Some animals sleep standing up, I heard.", "The house next door is for sale.", "Dinner at eight is too late for me.",
}

var replies = []string{
	"That sounds like quite a day.", "Thanks for telling me, I will keep it in mind.", "There are a few ways to look at that.",
	"One option is to write down what matters first and leave the rest for later.", "If you like, we can make a short list together.",
	"In general it helps to start small and see how it goes.", "I would compare two or three possibilities before deciding.",
	"It depends on how much time you have this week.", "A calm conversation often settles such things.", "Here is a thought: ask for a second opinion.",
	"You could set a reminder so that it does not slip.", "Many people find that a walk clears the head.", "Let me know if you want me to go into detail.",
	"The usual advice is to keep it simple.", "I can draft a message for you if that is useful.", "Perhaps start with the part that worries you most.",
	"It is worth checking the opening hours before you leave.", "Good luck with that, and tell me how it turns out.",
}

// NewTalk makes a conversation of n exchanges with that many facts.
func NewTalk(seed uint64, n, facts int) *Talk {
	r := rand.New(rand.NewPCG(seed, 99))
	t := &Talk{}
	cast := append([]string{}, people...)
	r.Shuffle(len(cast), func(i, j int) { cast[i], cast[j] = cast[j], cast[i] })
	cast = cast[:12]
	t.plant(r, cast, n, facts)
	said := map[int][]string{}
	for _, f := range t.Facts {
		said[f.Turn] = append(said[f.Turn], f.Said)
	}
	for turn := 1; turn <= n; turn++ {
		t.Exchanges = append(t.Exchanges, exchange(r, cast, said[turn]))
	}
	return t
}

// plant chooses the facts: no value twice, no relation twice for a person, and
// all but the last tenth of the conversation to stand in.
func (t *Talk) plant(r *rand.Rand, cast []string, n, facts int) {
	used := map[string]bool{}
	for tries := 0; len(t.Facts) < facts && tries < 100*facts; tries++ {
		named := r.IntN(10) > 0
		set := relations
		if !named {
			set = personal
		}
		k := r.IntN(len(set))
		rel, who := set[k], cast[r.IntN(len(cast))]
		value := rel.values[r.IntN(len(rel.values))]
		key := fmt.Sprint(named, k, who)
		if !named {
			key = fmt.Sprint(named, k)
		}
		if used[value] || used[key] {
			continue
		}
		used[value], used[key] = true, true
		fill := strings.NewReplacer("{a}", who, "{v}", value)
		t.Facts = append(t.Facts, Fact{
			Turn: 1 + r.IntN(n*9/10), Value: value, Named: named,
			Said:     fill.Replace(rel.said[r.IntN(len(rel.said))]),
			Question: fill.Replace(rel.asked[r.IntN(len(rel.asked))]),
		})
	}
}

// exchange is talk of nothing much, around what has to be said.
func exchange(r *rand.Rand, cast, said []string) Exchange {
	var user, reply []string
	who := cast[r.IntN(len(cast))]
	personal := r.IntN(2) == 0 // half of the exchanges are about a person
	for range 1 + r.IntN(5) {
		line := generic[r.IntN(len(generic))]
		if personal && r.IntN(3) > 0 {
			line = remark(r, who)
		}
		user = append(user, line)
	}
	for _, s := range said {
		at := r.IntN(len(user) + 1)
		user = append(user[:at], append([]string{s}, user[at:]...)...)
	}
	for range 2 + r.IntN(7) {
		reply = append(reply, replies[r.IntN(len(replies))])
	}
	if personal && r.IntN(2) == 0 {
		reply = append(reply, "Say hello to "+who+" from me.")
	}
	return Exchange{strings.Join(user, " "), strings.Join(reply, " ")}
}

func remark(r *rand.Rand, who string) string {
	return strings.NewReplacer("{a}", who, "{n}", things[r.IntN(len(things))], "{p}", places[r.IntN(len(places))], "{t}", times[r.IntN(len(times))]).
		Replace(about[r.IntN(len(about))])
}
