// How a sound reaches a player that shows its roll already: as an event; where to fetch the last ones is kept for
// players yet to come.

const SOUND_EVENT = "sequence-tutor-sound";
const KEPT = 64;
const attached = (window.sequenceTutorSounds ??= new Map()); // name -> { name, url, synthesiser }

function attach(sound) {
  attached.delete(sound.name);
  attached.set(sound.name, sound);
  if (attached.size > KEPT) attached.delete(attached.keys().next().value);
  window.dispatchEvent(new CustomEvent(SOUND_EVENT, { detail: sound }));
}
