// Brings one sound and draws nothing. sound_event.js stands above this file in the same module.

export default function ({ data }) {
  window.sequenceTutorSound = data;
  window.dispatchEvent(new CustomEvent(SOUND_EVENT, { detail: data }));
}
