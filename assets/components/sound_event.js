// How a sound reaches a player that shows its roll already: as an event; the newest is kept for players yet to come.

const SOUND_EVENT = "sequence-tutor-sound";
const newestSound = () => window.sequenceTutorSound;
