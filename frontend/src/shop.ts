// The demo shop: asks whether visits may be remembered, and thanks for a number.
interface Furrow { agreed(): boolean | null; consent(isGiven: boolean): void }
declare const furrow: Furrow;

const shown = (id: string) => document.getElementById(id);

function greet(): void {
  const ask = shown("ask");
  const form = shown("call") as HTMLFormElement | null;
  if (ask) ask.hidden = furrow.agreed() !== null;
  for (const button of document.querySelectorAll<HTMLElement>("[data-say]")) {
    button.onclick = () => {
      furrow.consent(button.dataset.say === "yes");
      if (ask) ask.hidden = true;
    };
  }
  if (form) {
    form.onsubmit = (event) => {
      event.preventDefault();
      form.hidden = true;
      const thanks = shown("thanks");
      if (thanks) thanks.hidden = false;
    };
  }
}

addEventListener("load", greet);
export {};
