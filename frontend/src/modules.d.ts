declare module "@alpinejs/csp" {
  const Alpine: { start(): void; data(name: string, make: () => object): void };
  export default Alpine;
}
declare module "tom-select/base" {
  export default class TomSelect {
    constructor(select: HTMLSelectElement, options: Record<string, unknown>);
  }
}
