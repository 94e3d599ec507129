// Callbacks for the terminal: cim chat --name alice --listener ./listener.mjs
// Each exported function is named as an event of the SDK (docs/sdk.md). It is awaited: a message counts as processed when its
// callback has ended, and one that fails is offered again. `print` shows the person a line; console.log would go over the screen.

const answered = new Set();

/** Answers the first private message of each person, and tells the person of words that matter. */
export async function message({ from, own, group, conversation, texts }, { print, say }) {
  if (own) return;
  if (texts.some((text) => /\burgent\b/i.test(text))) print(`${from.userName} says that it is urgent`);
  if (group !== undefined || answered.has(from.userId)) return;
  answered.add(from.userId);
  await say(conversation, 'I am in a meeting and read this at noon.');
}

export function disconnected({ text }, { print }) {
  print(`the listener knows: ${text}`);
}
