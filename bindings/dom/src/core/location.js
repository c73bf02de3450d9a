// Location: https://html.spec.whatwg.org/#the-location-interface
const { ObjectDefineProperty, Object, SymbolToPrimitive } = primordials;
const { valueOf } = Object.prototype;

// <https://html.spec.whatwg.org/#location-defineownproperty>, the steps of its creation: nothing but the address is read out of it.
if (native.exposure[0] === "Window") {
  core.interface("Location", {
    init() {
      const fixed = (value) => ({ __proto__: null, value, writable: false, enumerable: false, configurable: false });
      ObjectDefineProperty(this, "valueOf", fixed(valueOf));
      ObjectDefineProperty(this, SymbolToPrimitive, fixed(undefined));
    },
  });
}
