// Ours, no standard's: what the self-hosted core holds of the native side (a body to pull from, a decoder). No author sees one.

[Exposed=*, LegacyNoInterfaceObject]
interface LonghaulNative {};
