// What a component keeps between its calls. Stands above a component's own file in the same module.

const mounted = new WeakMap(); // the element a component lives in -> what was made for it

// Returns what lives in an element, made there at the first call, and a tidy-up for the component to return. Components
// are called again, on the same element, whenever data or theme change, and the tidy-up of an outdated call may run
// after a newer call: so only the newest one closes.
function mount(element, make) {
  const made = mounted.get(element) ?? make(element);
  mounted.set(element, made);
  const call = (made.call = {});
  const leave = () => {
    if (made.call !== call) return;
    made.close();
    mounted.delete(element);
  };
  return [made, leave];
}
