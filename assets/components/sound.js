// Brings one sound and draws nothing. sound_event.js stands above this file in the same module.

export default function ({ data }) {
  attach(data);
}
