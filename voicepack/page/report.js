// The blind test: two voices of the same sentence in random order, chosen by button or key, the result as JSON.
"use strict";

const trialsOf = JSON.parse(document.getElementById("trials").textContent);
const shuffled = (items) => items.map((item) => [Math.random(), item]).sort((a, b) => a[0] - b[0]).map((pair) => pair[1]);

// Chance of so many preferences or more, either way, if there were none to have (binomial).
function chance(preferred, decided) {
  let ways = 1, total = 0;
  for (let k = 0; k <= decided; k += 1) {
    if (Math.abs(k - decided / 2) >= Math.abs(preferred - decided / 2)) total += ways;
    ways = ways * (decided - k) / (k + 1);
  }
  return total / 2 ** decided;
}

class BlindTest {
  constructor(section) {
    this.section = section;
    this.voice = section.dataset.voice;
    this.part = (name) => section.querySelector("." + name);
    this.recorded = trialsOf[this.voice].find((each) => each.voices.includes("real"));
    this.part("play-reference").hidden = !this.recorded;
    section.hidden = false;
    this.part("start").addEventListener("click", () => this.start());
    for (const [name, act] of Object.entries({
      "play-reference": () => this.playSpeaker(), "play-a": () => this.playSide(0), "play-b": () => this.playSide(1),
      "choose-a": () => this.choose(this.order[0]), "choose-b": () => this.choose(this.order[1]), "choose-none": () => this.choose("none"),
      "export": () => this.save(),
    })) this.part(name).addEventListener("click", act);
  }

  start() {
    BlindTest.active?.leave();
    BlindTest.active = this;
    this.other = this.section.querySelector("select").value;
    this.waiting = shuffled(trialsOf[this.voice].filter((each) => each.voices.includes("new") && each.voices.includes(this.other)));
    this.total = this.waiting.length;
    this.answers = [];
    this.part("result").hidden = true;
    this.part("trial").hidden = false;
    this.next();
    this.part("trial").scrollIntoView({ block: "nearest" });
  }

  next() {
    silence();
    this.trial = this.waiting.pop();
    if (!this.trial) return this.finish();
    this.order = shuffled(["new", this.other]);
    this.heard = new Set();
    this.began = performance.now();
    this.part("progress").textContent = `${this.answers.length + 1} of ${this.total}`;
    this.part("text").textContent = this.trial.text;
    this.part("hint").textContent = "";
  }

  // The speaker says the sentence itself where it was recorded, and another one where it was not.
  playSpeaker() {
    if (!this.recorded) return;
    this.play(this.trial.voices.includes("real") ? this.trial : this.recorded, "real");
  }

  playSide(side) {
    this.heard.add(side);
    this.play(this.trial, this.order[side]);
  }

  // Not through the player on the page: it would be seen to move, and it stands under its voice's name.
  play(trial, voice) {
    silence();
    unseen = new Audio(document.getElementById(`${this.voice}--${trial.sentence}--${voice}`).src);
    unseen.play().catch((error) => {
      if (error.name !== "AbortError") throw error; // the next sound came before this one had begun
    });
  }

  choose(voice) {
    if (this.heard.size < 2) {
      this.part("hint").textContent = "Hear both A and B first.";
      return;
    }
    this.answers.push({
      sentence: this.trial.sentence, a: this.order[0], b: this.order[1], nearer: voice,
      seconds: Math.round((performance.now() - this.began) / 100) / 10,
    });
    this.next();
  }

  leave() {
    BlindTest.active = null;
    this.part("trial").hidden = true;
    silence();
  }

  finish() {
    this.leave();
    this.part("result").hidden = false;
    const decided = this.answers.filter((each) => each.nearer !== "none");
    const preferred = decided.filter((each) => each.nearer === "new").length;
    this.result = {
      voice: this.voice, against: this.other, new_nearer: preferred, other_nearer: decided.length - preferred,
      no_difference: this.answers.length - decided.length, p_value: chance(preferred, decided.length), answers: this.answers,
      finished: new Date().toISOString(),
    };
    this.part("outcome").textContent = `Nearer to the speaker: the new voice ${preferred}, the other ${this.result.other_nearer}, ` +
      `no difference ${this.result.no_difference}. By chance alone so uneven or more: p = ${this.result.p_value.toFixed(2)}.`;
    this.part("export").focus();
  }

  save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(this.result, null, 2)], { type: "application/json" }));
    link.download = `blind_${this.voice}_${this.other}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000); // the browser may read it later
  }
}
BlindTest.active = null;

let unseen = null; // the sound of the blind test

function silence(but = null) {
  unseen?.pause();
  for (const player of document.querySelectorAll("audio")) if (player !== but) player.pause();
}

for (const section of document.querySelectorAll(".blind")) new BlindTest(section);

const keys = { r: "play-reference", a: "play-a", b: "play-b", 1: "choose-a", 2: "choose-b", 0: "choose-none" };
document.addEventListener("keydown", (event) => {
  const name = keys[event.key.toLowerCase()];
  if (!BlindTest.active || !name || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
  event.preventDefault();
  BlindTest.active.part(name).click();
});

// One voice at a time.
document.addEventListener("play", (event) => silence(event.target), true);
