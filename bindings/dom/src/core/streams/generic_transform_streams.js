// Text and compression streams: https://encoding.spec.whatwg.org/#interface-textdecoderstream,
// https://encoding.spec.whatwg.org/#interface-textencoderstream, https://compression.spec.whatwg.org/
const { internal } = core;
const { StringPrototypeCharCodeAt, StringPrototypeSlice, StringPrototypeToWellFormed } = primordials;
const { streams } = internal;

// <https://streams.spec.whatwg.org/#generictransformstream>
const generic = {
  __proto__: null,
  "get readable"(slots) {
    return slots.transform.readable.object;
  },
  "get writable"(slots) {
    return slots.transform.writable.object;
  },
};

const newTransform = (slots, transform, flush) => {
  slots.transform = streams.createSlots("TransformStream");
  streams.setUpTransformStream(slots.transform, transform, flush);
};
const enqueue = (slots, chunk) => streams.transformStreamDefaultControllerEnqueue(slots.transform.controller, chunk);

const setUpDecoder = (slots, label, options) => {
  const { decoder, encoding } = native.hook("newTextDecoder", label, options.fatal, options.ignoreBOM);
  slots.encoding = encoding;
  slots.fatal = options.fatal;
  slots.ignoreBOM = options.ignoreBOM;
  const decode = (chunk, more) => {
    const text = native.hook("decodeText", decoder, chunk, more);
    if (text !== "") enqueue(slots, text);
  };
  newTransform(
    slots,
    (chunk) => decode(chunk, true),
    () => decode(undefined, false),
  );
};

core.interface("TextDecoderStream", {
  ...generic,
  construct: setUpDecoder,
  "get encoding"(slots) {
    return slots.encoding;
  },
  "get fatal"(slots) {
    return slots.fatal;
  },
  "get ignoreBOM"(slots) {
    return slots.ignoreBOM;
  },
});

// The text of a stream of bytes in UTF-8.
streams.pipeThroughUtf8Decoder = (stream) => {
  const slots = streams.createSlots("TextDecoderStream");
  setUpDecoder(slots, "utf-8", { __proto__: null, fatal: false, ignoreBOM: false });
  internal.promises.setHandled(streams.readableStreamPipeTo(stream, slots.transform.writable, false, false, false));
  return slots.transform.readable.object;
};

core.interface("TextEncoderStream", {
  ...generic,
  construct(slots) {
    // The first half of a pair whose second half may come.
    let leadingSurrogate = "";
    newTransform(
      slots,
      // <https://encoding.spec.whatwg.org/#encode-and-enqueue-a-chunk>
      (chunk) => {
        let input = leadingSurrogate + native.convert(chunk, "DOMString");
        leadingSurrogate = "";
        if (input === "") return;
        const last = StringPrototypeCharCodeAt(input, input.length - 1);
        if (last >= 0xd800 && last <= 0xdbff) {
          leadingSurrogate = StringPrototypeSlice(input, -1);
          input = StringPrototypeSlice(input, 0, -1);
        }
        if (input !== "") enqueue(slots, native.hook("encodeText", StringPrototypeToWellFormed(input)));
      },
      // <https://encoding.spec.whatwg.org/#encode-and-flush>
      () => {
        if (leadingSurrogate !== "") enqueue(slots, native.hook("encodeText", "\uFFFD"));
      },
    );
  },
  "get encoding"() {
    return "utf-8";
  },
});

const codecStream = (compresses) => ({
  ...generic,
  construct(slots, format) {
    const codec = native.hook("newCodec", format, compresses);
    const drain = () => {
      for (;;) {
        const output = native.hook("codecOutput", codec);
        if (output === undefined) return;
        enqueue(slots, output);
      }
    };
    newTransform(
      slots,
      (chunk) => {
        native.hook("codecInput", codec, chunk);
        drain();
      },
      () => {
        native.hook("codecFinish", codec);
        drain();
      },
    );
  },
});

core.interface("CompressionStream", codecStream(true));
core.interface("DecompressionStream", codecStream(false));
