import * as $protobuf from "protobufjs/minimal.js";
import Long = require("long");

/** Namespace cim. */
export namespace cim {

    /** BaseCommand enum. */
    enum BaseCommand {

        /** LOGIN_REQUEST value */
        LOGIN_REQUEST = 0,

        /** MESSAGE value */
        MESSAGE = 1,

        /** PING value */
        PING = 2,

        /** OFFLINE value */
        OFFLINE = 3
    }

    /**
     * Properties of a Frame.
     * @deprecated Use cim.Frame.$Properties instead.
     */
    interface IFrame extends cim.Frame.$Properties {
    }

    /** Represents a Frame. */
    class Frame {

        /**
         * Constructs a new Frame.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Frame.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Frame text. */
        text: string;

        /** Frame id. */
        id: number;

        /** Frame cmd. */
        cmd: cim.BaseCommand;

        /** Frame properties. */
        properties: { [k: string]: string };

        /** Frame batch. */
        batch: string[];

        /** Frame login. */
        login?: (cim.Login.$Properties|null);

        /** Frame welcome. */
        welcome?: (cim.Welcome.$Properties|null);

        /** Frame send. */
        send?: (cim.Send.$Properties|null);

        /** Frame receipt. */
        receipt?: (cim.Receipt.$Properties|null);

        /** Frame delivered. */
        delivered?: (cim.Delivered.$Properties|null);

        /** Frame deliver. */
        deliver?: (cim.Deliver.$Properties|null);

        /** Frame ack. */
        ack?: (cim.Ack.$Properties|null);

        /** Frame resume. */
        resume?: (cim.Resume.$Properties|null);

        /** Frame resumed. */
        resumed?: (cim.Resumed.$Properties|null);

        /** Frame ping. */
        ping?: (cim.Ping.$Properties|null);

        /** Frame pong. */
        pong?: (cim.Pong.$Properties|null);

        /** Frame goaway. */
        goaway?: (cim.Goaway.$Properties|null);

        /** Frame error. */
        error?: (cim.Error.$Properties|null);

        /** Frame counters. */
        counters?: (cim.Counters.$Properties|null);

        /** Frame find. */
        find?: (cim.Find.$Properties|null);

        /** Frame found. */
        found?: (cim.Found.$Properties|null);

        /** Frame signal. */
        signal?: (cim.Signal.$Properties|null);

        /** Frame body. */
        body?: ("login"|"welcome"|"send"|"receipt"|"delivered"|"deliver"|"ack"|"resume"|"resumed"|"ping"|"pong"|"goaway"|"error"|"counters"|"find"|"found"|"signal");

        /**
         * Encodes the specified Frame message. Does not implicitly {@link cim.Frame.verify|verify} messages.
         * @param message Frame message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Frame.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Frame message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Frame & cim.Frame.$Shape} Frame
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Frame & cim.Frame.$Shape;
    }

    namespace Frame {

        /** Properties of a Frame. */
        interface $Properties {

            /** Frame text */
            text?: (string|null);

            /** Frame id */
            id?: (number|null);

            /** Frame cmd */
            cmd?: (cim.BaseCommand|null);

            /** Frame properties */
            properties?: ({ [k: string]: string }|null);

            /** Frame batch */
            batch?: (string[]|null);

            /** Frame login */
            login?: (cim.Login.$Properties|null);

            /** Frame welcome */
            welcome?: (cim.Welcome.$Properties|null);

            /** Frame send */
            send?: (cim.Send.$Properties|null);

            /** Frame receipt */
            receipt?: (cim.Receipt.$Properties|null);

            /** Frame delivered */
            delivered?: (cim.Delivered.$Properties|null);

            /** Frame deliver */
            deliver?: (cim.Deliver.$Properties|null);

            /** Frame ack */
            ack?: (cim.Ack.$Properties|null);

            /** Frame resume */
            resume?: (cim.Resume.$Properties|null);

            /** Frame resumed */
            resumed?: (cim.Resumed.$Properties|null);

            /** Frame ping */
            ping?: (cim.Ping.$Properties|null);

            /** Frame pong */
            pong?: (cim.Pong.$Properties|null);

            /** Frame goaway */
            goaway?: (cim.Goaway.$Properties|null);

            /** Frame error */
            error?: (cim.Error.$Properties|null);

            /** Frame counters */
            counters?: (cim.Counters.$Properties|null);

            /** Frame find */
            find?: (cim.Find.$Properties|null);

            /** Frame found */
            found?: (cim.Found.$Properties|null);

            /** Frame signal */
            signal?: (cim.Signal.$Properties|null);

            /** Frame body */
            body?: ("login"|"welcome"|"send"|"receipt"|"delivered"|"deliver"|"ack"|"resume"|"resumed"|"ping"|"pong"|"goaway"|"error"|"counters"|"find"|"found"|"signal");

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Narrowed shape of a Frame. */
        type $Shape = {
          text?: string|null;
          id?: number|null;
          cmd?: cim.BaseCommand|null;
          properties?: { [k: string]: string }|null;
          batch?: string[]|null;
          login?: cim.Login.$Shape|null;
          welcome?: cim.Welcome.$Shape|null;
          send?: cim.Send.$Shape|null;
          receipt?: cim.Receipt.$Shape|null;
          delivered?: cim.Delivered.$Shape|null;
          deliver?: cim.Deliver.$Shape|null;
          ack?: cim.Ack.$Shape|null;
          resume?: cim.Resume.$Shape|null;
          resumed?: cim.Resumed.$Shape|null;
          ping?: cim.Ping.$Shape|null;
          pong?: cim.Pong.$Shape|null;
          goaway?: cim.Goaway.$Shape|null;
          error?: cim.Error.$Shape|null;
          counters?: cim.Counters.$Shape|null;
          find?: cim.Find.$Shape|null;
          found?: cim.Found.$Shape|null;
          signal?: cim.Signal.$Shape|null;
          $unknowns?: Uint8Array[];
        } & (
          ({ body?: undefined; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "login"; login: cim.Login.$Shape; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "welcome"; login?: null; welcome: cim.Welcome.$Shape; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "send"; login?: null; welcome?: null; send: cim.Send.$Shape; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "receipt"; login?: null; welcome?: null; send?: null; receipt: cim.Receipt.$Shape; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "delivered"; login?: null; welcome?: null; send?: null; receipt?: null; delivered: cim.Delivered.$Shape; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "deliver"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver: cim.Deliver.$Shape; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "ack"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack: cim.Ack.$Shape; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "resume"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume: cim.Resume.$Shape; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "resumed"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed: cim.Resumed.$Shape; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "ping"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping: cim.Ping.$Shape; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "pong"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong: cim.Pong.$Shape; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "goaway"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway: cim.Goaway.$Shape; error?: null; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "error"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error: cim.Error.$Shape; counters?: null; find?: null; found?: null; signal?: null }|{ body?: "counters"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters: cim.Counters.$Shape; find?: null; found?: null; signal?: null }|{ body?: "find"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find: cim.Find.$Shape; found?: null; signal?: null }|{ body?: "found"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found: cim.Found.$Shape; signal?: null }|{ body?: "signal"; login?: null; welcome?: null; send?: null; receipt?: null; delivered?: null; deliver?: null; ack?: null; resume?: null; resumed?: null; ping?: null; pong?: null; goaway?: null; error?: null; counters?: null; find?: null; found?: null; signal: cim.Signal.$Shape })
        );
    }

    /**
     * Properties of a Login.
     * @deprecated Use cim.Login.$Properties instead.
     */
    interface ILogin extends cim.Login.$Properties {
    }

    /** Represents a Login. */
    class Login {

        /**
         * Constructs a new Login.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Login.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Login userId. */
        userId: number;

        /** Login ticket. */
        ticket: string;

        /** Login agent. */
        agent: string;

        /** Login level. */
        level: number;

        /**
         * Encodes the specified Login message. Does not implicitly {@link cim.Login.verify|verify} messages.
         * @param message Login message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Login.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Login message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Login & cim.Login.$Shape} Login
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Login & cim.Login.$Shape;
    }

    namespace Login {

        /** Properties of a Login. */
        interface $Properties {

            /** Login userId */
            userId?: (number|null);

            /** Login ticket */
            ticket?: (string|null);

            /** Login agent */
            agent?: (string|null);

            /** Login level */
            level?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Login. */
        type $Shape = cim.Login.$Properties;
    }

    /**
     * Properties of a Welcome.
     * @deprecated Use cim.Welcome.$Properties instead.
     */
    interface IWelcome extends cim.Welcome.$Properties {
    }

    /** Represents a Welcome. */
    class Welcome {

        /**
         * Constructs a new Welcome.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Welcome.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Welcome userId. */
        userId: number;

        /** Welcome epoch. */
        epoch: number;

        /** Welcome idleTimeoutMs. */
        idleTimeoutMs: number;

        /** Welcome instance. */
        instance: string;

        /**
         * Encodes the specified Welcome message. Does not implicitly {@link cim.Welcome.verify|verify} messages.
         * @param message Welcome message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Welcome.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Welcome message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Welcome & cim.Welcome.$Shape} Welcome
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Welcome & cim.Welcome.$Shape;
    }

    namespace Welcome {

        /** Properties of a Welcome. */
        interface $Properties {

            /** Welcome userId */
            userId?: (number|null);

            /** Welcome epoch */
            epoch?: (number|null);

            /** Welcome idleTimeoutMs */
            idleTimeoutMs?: (number|null);

            /** Welcome instance */
            instance?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Welcome. */
        type $Shape = cim.Welcome.$Properties;
    }

    /**
     * Properties of a Content.
     * @deprecated Use cim.Content.$Properties instead.
     */
    interface IContent extends cim.Content.$Properties {
    }

    /** Represents a Content. */
    class Content {

        /**
         * Constructs a new Content.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Content.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Content texts. */
        texts: string[];

        /** Content type. */
        type: string;

        /** Content body. */
        body: Uint8Array;

        /** Content ref. */
        ref: string;

        /** Content changed. */
        changed: boolean;

        /**
         * Encodes the specified Content message. Does not implicitly {@link cim.Content.verify|verify} messages.
         * @param message Content message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Content.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Content message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Content & cim.Content.$Shape} Content
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Content & cim.Content.$Shape;
    }

    namespace Content {

        /** Properties of a Content. */
        interface $Properties {

            /** Content texts */
            texts?: (string[]|null);

            /** Content type */
            type?: (string|null);

            /** Content body */
            body?: (Uint8Array|null);

            /** Content ref */
            ref?: (string|null);

            /** Content changed */
            changed?: (boolean|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Content. */
        type $Shape = cim.Content.$Properties;
    }

    /**
     * Properties of a Send.
     * @deprecated Use cim.Send.$Properties instead.
     */
    interface ISend extends cim.Send.$Properties {
    }

    /** Represents a Send. */
    class Send {

        /**
         * Constructs a new Send.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Send.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Send to. */
        to: number;

        /** Send group. */
        group: string;

        /** Send producer. */
        producer: string;

        /** Send counter. */
        counter: number;

        /** Send content. */
        content: Uint8Array;

        /** Send again. */
        again: boolean;

        /**
         * Encodes the specified Send message. Does not implicitly {@link cim.Send.verify|verify} messages.
         * @param message Send message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Send.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Send message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Send & cim.Send.$Shape} Send
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Send & cim.Send.$Shape;
    }

    namespace Send {

        /** Properties of a Send. */
        interface $Properties {

            /** Send to */
            to?: (number|null);

            /** Send group */
            group?: (string|null);

            /** Send producer */
            producer?: (string|null);

            /** Send counter */
            counter?: (number|null);

            /** Send content */
            content?: (Uint8Array|null);

            /** Send again */
            again?: (boolean|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Send. */
        type $Shape = cim.Send.$Properties;
    }

    /** Outcome enum. */
    enum Outcome {

        /** STORED value */
        STORED = 0,

        /** RETRY value */
        RETRY = 1,

        /** REFUSED value */
        REFUSED = 2,

        /** GAP value */
        GAP = 3,

        /** UNKNOWN_PRODUCER value */
        UNKNOWN_PRODUCER = 4
    }

    /**
     * Properties of a Receipt.
     * @deprecated Use cim.Receipt.$Properties instead.
     */
    interface IReceipt extends cim.Receipt.$Properties {
    }

    /** Represents a Receipt. */
    class Receipt {

        /**
         * Constructs a new Receipt.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Receipt.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Receipt to. */
        to: number;

        /** Receipt group. */
        group: string;

        /** Receipt producer. */
        producer: string;

        /** Receipt counter. */
        counter: number;

        /** Receipt outcome. */
        outcome: cim.Outcome;

        /** Receipt seq. */
        seq: number;

        /** Receipt last. */
        last: number;

        /** Receipt code. */
        code: string;

        /** Receipt text. */
        text: string;

        /** Receipt copy. */
        copy: number;

        /** Receipt n. */
        n: number;

        /** Receipt afterMs. */
        afterMs: number;

        /**
         * Encodes the specified Receipt message. Does not implicitly {@link cim.Receipt.verify|verify} messages.
         * @param message Receipt message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Receipt.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Receipt message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Receipt & cim.Receipt.$Shape} Receipt
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Receipt & cim.Receipt.$Shape;
    }

    namespace Receipt {

        /** Properties of a Receipt. */
        interface $Properties {

            /** Receipt to */
            to?: (number|null);

            /** Receipt group */
            group?: (string|null);

            /** Receipt producer */
            producer?: (string|null);

            /** Receipt counter */
            counter?: (number|null);

            /** Receipt outcome */
            outcome?: (cim.Outcome|null);

            /** Receipt seq */
            seq?: (number|null);

            /** Receipt last */
            last?: (number|null);

            /** Receipt code */
            code?: (string|null);

            /** Receipt text */
            text?: (string|null);

            /** Receipt copy */
            copy?: (number|null);

            /** Receipt n */
            n?: (number|null);

            /** Receipt afterMs */
            afterMs?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Receipt. */
        type $Shape = cim.Receipt.$Properties;
    }

    /**
     * Properties of a Delivered.
     * @deprecated Use cim.Delivered.$Properties instead.
     */
    interface IDelivered extends cim.Delivered.$Properties {
    }

    /** Represents a Delivered. */
    class Delivered {

        /**
         * Constructs a new Delivered.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Delivered.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Delivered to. */
        to: number;

        /** Delivered seq. */
        seq: number;

        /**
         * Encodes the specified Delivered message. Does not implicitly {@link cim.Delivered.verify|verify} messages.
         * @param message Delivered message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Delivered.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Delivered message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Delivered & cim.Delivered.$Shape} Delivered
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Delivered & cim.Delivered.$Shape;
    }

    namespace Delivered {

        /** Properties of a Delivered. */
        interface $Properties {

            /** Delivered to */
            to?: (number|null);

            /** Delivered seq */
            seq?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Delivered. */
        type $Shape = cim.Delivered.$Properties;
    }

    /**
     * Properties of a Counters.
     * @deprecated Use cim.Counters.$Properties instead.
     */
    interface ICounters extends cim.Counters.$Properties {
    }

    /** Represents a Counters. */
    class Counters {

        /**
         * Constructs a new Counters.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Counters.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Counters counters. */
        counters: cim.Counter.$Properties[];

        /**
         * Encodes the specified Counters message. Does not implicitly {@link cim.Counters.verify|verify} messages.
         * @param message Counters message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Counters.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Counters message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Counters & cim.Counters.$Shape} Counters
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Counters & cim.Counters.$Shape;
    }

    namespace Counters {

        /** Properties of a Counters. */
        interface $Properties {

            /** Counters counters */
            counters?: (cim.Counter.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Counters. */
        type $Shape = cim.Counters.$Properties;
    }

    /**
     * Properties of a Counter.
     * @deprecated Use cim.Counter.$Properties instead.
     */
    interface ICounter extends cim.Counter.$Properties {
    }

    /** Represents a Counter. */
    class Counter {

        /**
         * Constructs a new Counter.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Counter.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Counter to. */
        to: number;

        /** Counter group. */
        group: string;

        /** Counter producer. */
        producer: string;

        /** Counter counter. */
        counter: number;

        /** Counter seq. */
        seq: number;

        /** Counter unknown. */
        unknown: boolean;

        /**
         * Encodes the specified Counter message. Does not implicitly {@link cim.Counter.verify|verify} messages.
         * @param message Counter message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Counter.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Counter message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Counter & cim.Counter.$Shape} Counter
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Counter & cim.Counter.$Shape;
    }

    namespace Counter {

        /** Properties of a Counter. */
        interface $Properties {

            /** Counter to */
            to?: (number|null);

            /** Counter group */
            group?: (string|null);

            /** Counter producer */
            producer?: (string|null);

            /** Counter counter */
            counter?: (number|null);

            /** Counter seq */
            seq?: (number|null);

            /** Counter unknown */
            unknown?: (boolean|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Counter. */
        type $Shape = cim.Counter.$Properties;
    }

    /**
     * Properties of a Find.
     * @deprecated Use cim.Find.$Properties instead.
     */
    interface IFind extends cim.Find.$Properties {
    }

    /** Represents a Find. */
    class Find {

        /**
         * Constructs a new Find.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Find.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Find to. */
        to: number;

        /** Find group. */
        group: string;

        /** Find producer. */
        producer: string;

        /**
         * Encodes the specified Find message. Does not implicitly {@link cim.Find.verify|verify} messages.
         * @param message Find message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Find.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Find message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Find & cim.Find.$Shape} Find
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Find & cim.Find.$Shape;
    }

    namespace Find {

        /** Properties of a Find. */
        interface $Properties {

            /** Find to */
            to?: (number|null);

            /** Find group */
            group?: (string|null);

            /** Find producer */
            producer?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Find. */
        type $Shape = cim.Find.$Properties;
    }

    /**
     * Properties of a Found.
     * @deprecated Use cim.Found.$Properties instead.
     */
    interface IFound extends cim.Found.$Properties {
    }

    /** Represents a Found. */
    class Found {

        /**
         * Constructs a new Found.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Found.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Found to. */
        to: number;

        /** Found group. */
        group: string;

        /** Found producer. */
        producer: string;

        /** Found last. */
        last: number;

        /** Found oldestAt. */
        oldestAt: number;

        /**
         * Encodes the specified Found message. Does not implicitly {@link cim.Found.verify|verify} messages.
         * @param message Found message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Found.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Found message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Found & cim.Found.$Shape} Found
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Found & cim.Found.$Shape;
    }

    namespace Found {

        /** Properties of a Found. */
        interface $Properties {

            /** Found to */
            to?: (number|null);

            /** Found group */
            group?: (string|null);

            /** Found producer */
            producer?: (string|null);

            /** Found last */
            last?: (number|null);

            /** Found oldestAt */
            oldestAt?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Found. */
        type $Shape = cim.Found.$Properties;
    }

    /**
     * Properties of an Entry.
     * @deprecated Use cim.Entry.$Properties instead.
     */
    interface IEntry extends cim.Entry.$Properties {
    }

    /** Represents an Entry. */
    class Entry {

        /**
         * Constructs a new Entry.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Entry.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Entry seq. */
        seq: number;

        /** Entry prev. */
        prev: string;

        /** Entry storedAt. */
        storedAt: number;

        /** Entry sender. */
        sender: number;

        /** Entry senderName. */
        senderName: string;

        /** Entry producer. */
        producer: string;

        /** Entry counter. */
        counter: number;

        /** Entry content. */
        content: Uint8Array;

        /** Entry n. */
        n: number;

        /**
         * Encodes the specified Entry message. Does not implicitly {@link cim.Entry.verify|verify} messages.
         * @param message Entry message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Entry.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes an Entry message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Entry & cim.Entry.$Shape} Entry
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Entry & cim.Entry.$Shape;
    }

    namespace Entry {

        /** Properties of an Entry. */
        interface $Properties {

            /** Entry seq */
            seq?: (number|null);

            /** Entry prev */
            prev?: (string|null);

            /** Entry storedAt */
            storedAt?: (number|null);

            /** Entry sender */
            sender?: (number|null);

            /** Entry senderName */
            senderName?: (string|null);

            /** Entry producer */
            producer?: (string|null);

            /** Entry counter */
            counter?: (number|null);

            /** Entry content */
            content?: (Uint8Array|null);

            /** Entry n */
            n?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of an Entry. */
        type $Shape = cim.Entry.$Properties;
    }

    /**
     * Properties of a Deliver.
     * @deprecated Use cim.Deliver.$Properties instead.
     */
    interface IDeliver extends cim.Deliver.$Properties {
    }

    /** Represents a Deliver. */
    class Deliver {

        /**
         * Constructs a new Deliver.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Deliver.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Deliver group. */
        group: string;

        /** Deliver entries. */
        entries: cim.Entry.$Properties[];

        /**
         * Encodes the specified Deliver message. Does not implicitly {@link cim.Deliver.verify|verify} messages.
         * @param message Deliver message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Deliver.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Deliver message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Deliver & cim.Deliver.$Shape} Deliver
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Deliver & cim.Deliver.$Shape;
    }

    namespace Deliver {

        /** Properties of a Deliver. */
        interface $Properties {

            /** Deliver group */
            group?: (string|null);

            /** Deliver entries */
            entries?: (cim.Entry.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Deliver. */
        type $Shape = cim.Deliver.$Properties;
    }

    /**
     * Properties of an Ack.
     * @deprecated Use cim.Ack.$Properties instead.
     */
    interface IAck extends cim.Ack.$Properties {
    }

    /** Represents an Ack. */
    class Ack {

        /**
         * Constructs a new Ack.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Ack.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Ack group. */
        group: string;

        /** Ack seq. */
        seq: number;

        /** Ack held. */
        held: number;

        /**
         * Encodes the specified Ack message. Does not implicitly {@link cim.Ack.verify|verify} messages.
         * @param message Ack message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Ack.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes an Ack message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Ack & cim.Ack.$Shape} Ack
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Ack & cim.Ack.$Shape;
    }

    namespace Ack {

        /** Properties of an Ack. */
        interface $Properties {

            /** Ack group */
            group?: (string|null);

            /** Ack seq */
            seq?: (number|null);

            /** Ack held */
            held?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of an Ack. */
        type $Shape = cim.Ack.$Properties;
    }

    /**
     * Properties of a Cursor.
     * @deprecated Use cim.Cursor.$Properties instead.
     */
    interface ICursor extends cim.Cursor.$Properties {
    }

    /** Represents a Cursor. */
    class Cursor {

        /**
         * Constructs a new Cursor.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Cursor.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Cursor group. */
        group: string;

        /** Cursor seq. */
        seq: number;

        /** Cursor id. */
        id: string;

        /**
         * Encodes the specified Cursor message. Does not implicitly {@link cim.Cursor.verify|verify} messages.
         * @param message Cursor message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Cursor.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Cursor message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Cursor & cim.Cursor.$Shape} Cursor
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Cursor & cim.Cursor.$Shape;
    }

    namespace Cursor {

        /** Properties of a Cursor. */
        interface $Properties {

            /** Cursor group */
            group?: (string|null);

            /** Cursor seq */
            seq?: (number|null);

            /** Cursor id */
            id?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Cursor. */
        type $Shape = cim.Cursor.$Properties;
    }

    /**
     * Properties of a Resume.
     * @deprecated Use cim.Resume.$Properties instead.
     */
    interface IResume extends cim.Resume.$Properties {
    }

    /** Represents a Resume. */
    class Resume {

        /**
         * Constructs a new Resume.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Resume.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Resume cursors. */
        cursors: cim.Cursor.$Properties[];

        /** Resume groups. */
        groups: boolean;

        /**
         * Encodes the specified Resume message. Does not implicitly {@link cim.Resume.verify|verify} messages.
         * @param message Resume message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Resume.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Resume message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Resume & cim.Resume.$Shape} Resume
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Resume & cim.Resume.$Shape;
    }

    namespace Resume {

        /** Properties of a Resume. */
        interface $Properties {

            /** Resume cursors */
            cursors?: (cim.Cursor.$Properties[]|null);

            /** Resume groups */
            groups?: (boolean|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Resume. */
        type $Shape = cim.Resume.$Properties;
    }

    /** ResumeAnswer enum. */
    enum ResumeAnswer {

        /** CONTINUE value */
        CONTINUE = 0,

        /** RESET value */
        RESET = 1,

        /** EXPIRED value */
        EXPIRED = 2,

        /** SKIPPED value */
        SKIPPED = 3
    }

    /**
     * Properties of a ResumedStream.
     * @deprecated Use cim.ResumedStream.$Properties instead.
     */
    interface IResumedStream extends cim.ResumedStream.$Properties {
    }

    /** Represents a ResumedStream. */
    class ResumedStream {

        /**
         * Constructs a new ResumedStream.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.ResumedStream.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** ResumedStream group. */
        group: string;

        /** ResumedStream answer. */
        answer: cim.ResumeAnswer;

        /** ResumedStream from. */
        from: number;

        /** ResumedStream to. */
        to: number;

        /** ResumedStream id. */
        id: string;

        /**
         * Encodes the specified ResumedStream message. Does not implicitly {@link cim.ResumedStream.verify|verify} messages.
         * @param message ResumedStream message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.ResumedStream.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a ResumedStream message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.ResumedStream & cim.ResumedStream.$Shape} ResumedStream
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.ResumedStream & cim.ResumedStream.$Shape;
    }

    namespace ResumedStream {

        /** Properties of a ResumedStream. */
        interface $Properties {

            /** ResumedStream group */
            group?: (string|null);

            /** ResumedStream answer */
            answer?: (cim.ResumeAnswer|null);

            /** ResumedStream from */
            from?: (number|null);

            /** ResumedStream to */
            to?: (number|null);

            /** ResumedStream id */
            id?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a ResumedStream. */
        type $Shape = cim.ResumedStream.$Properties;
    }

    /**
     * Properties of a Resumed.
     * @deprecated Use cim.Resumed.$Properties instead.
     */
    interface IResumed extends cim.Resumed.$Properties {
    }

    /** Represents a Resumed. */
    class Resumed {

        /**
         * Constructs a new Resumed.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Resumed.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Resumed streams. */
        streams: cim.ResumedStream.$Properties[];

        /**
         * Encodes the specified Resumed message. Does not implicitly {@link cim.Resumed.verify|verify} messages.
         * @param message Resumed message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Resumed.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Resumed message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Resumed & cim.Resumed.$Shape} Resumed
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Resumed & cim.Resumed.$Shape;
    }

    namespace Resumed {

        /** Properties of a Resumed. */
        interface $Properties {

            /** Resumed streams */
            streams?: (cim.ResumedStream.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Resumed. */
        type $Shape = cim.Resumed.$Properties;
    }

    /** SignalKind enum. */
    enum SignalKind {

        /** TYPING value */
        TYPING = 0,

        /** READ value */
        READ = 1,

        /** DEVICE value */
        DEVICE = 2,

        /** UNSENT value */
        UNSENT = 3
    }

    /**
     * Properties of a Signal.
     * @deprecated Use cim.Signal.$Properties instead.
     */
    interface ISignal extends cim.Signal.$Properties {
    }

    /** Represents a Signal. */
    class Signal {

        /**
         * Constructs a new Signal.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Signal.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Signal kind. */
        kind: cim.SignalKind;

        /** Signal to. */
        to: number;

        /** Signal group. */
        group: string;

        /** Signal sender. */
        sender: number;

        /** Signal senderName. */
        senderName: string;

        /** Signal n. */
        n: number;

        /** Signal device. */
        device: string;

        /** Signal label. */
        label: string;

        /** Signal scheduled. */
        scheduled: string;

        /** Signal code. */
        code: string;

        /** Signal text. */
        text: string;

        /**
         * Encodes the specified Signal message. Does not implicitly {@link cim.Signal.verify|verify} messages.
         * @param message Signal message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Signal.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Signal message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Signal & cim.Signal.$Shape} Signal
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Signal & cim.Signal.$Shape;
    }

    namespace Signal {

        /** Properties of a Signal. */
        interface $Properties {

            /** Signal kind */
            kind?: (cim.SignalKind|null);

            /** Signal to */
            to?: (number|null);

            /** Signal group */
            group?: (string|null);

            /** Signal sender */
            sender?: (number|null);

            /** Signal senderName */
            senderName?: (string|null);

            /** Signal n */
            n?: (number|null);

            /** Signal device */
            device?: (string|null);

            /** Signal label */
            label?: (string|null);

            /** Signal scheduled */
            scheduled?: (string|null);

            /** Signal code */
            code?: (string|null);

            /** Signal text */
            text?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Signal. */
        type $Shape = cim.Signal.$Properties;
    }

    /**
     * Properties of a Ping.
     * @deprecated Use cim.Ping.$Properties instead.
     */
    interface IPing extends cim.Ping.$Properties {
    }

    /** Represents a Ping. */
    class Ping {

        /**
         * Constructs a new Ping.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Ping.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /**
         * Encodes the specified Ping message. Does not implicitly {@link cim.Ping.verify|verify} messages.
         * @param message Ping message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Ping.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Ping message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Ping & cim.Ping.$Shape} Ping
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Ping & cim.Ping.$Shape;
    }

    namespace Ping {

        /** Properties of a Ping. */
        interface $Properties {

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Ping. */
        type $Shape = cim.Ping.$Properties;
    }

    /**
     * Properties of a Pong.
     * @deprecated Use cim.Pong.$Properties instead.
     */
    interface IPong extends cim.Pong.$Properties {
    }

    /** Represents a Pong. */
    class Pong {

        /**
         * Constructs a new Pong.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Pong.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /**
         * Encodes the specified Pong message. Does not implicitly {@link cim.Pong.verify|verify} messages.
         * @param message Pong message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Pong.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Pong message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Pong & cim.Pong.$Shape} Pong
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Pong & cim.Pong.$Shape;
    }

    namespace Pong {

        /** Properties of a Pong. */
        interface $Properties {

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Pong. */
        type $Shape = cim.Pong.$Properties;
    }

    /**
     * Properties of a Goaway.
     * @deprecated Use cim.Goaway.$Properties instead.
     */
    interface IGoaway extends cim.Goaway.$Properties {
    }

    /** Represents a Goaway. */
    class Goaway {

        /**
         * Constructs a new Goaway.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Goaway.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Goaway reason. */
        reason: number;

        /** Goaway text. */
        text: string;

        /** Goaway reconnect. */
        reconnect: boolean;

        /** Goaway afterMs. */
        afterMs: number;

        /**
         * Encodes the specified Goaway message. Does not implicitly {@link cim.Goaway.verify|verify} messages.
         * @param message Goaway message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Goaway.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Goaway message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Goaway & cim.Goaway.$Shape} Goaway
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Goaway & cim.Goaway.$Shape;
    }

    namespace Goaway {

        /** Properties of a Goaway. */
        interface $Properties {

            /** Goaway reason */
            reason?: (number|null);

            /** Goaway text */
            text?: (string|null);

            /** Goaway reconnect */
            reconnect?: (boolean|null);

            /** Goaway afterMs */
            afterMs?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Goaway. */
        type $Shape = cim.Goaway.$Properties;
    }

    /**
     * Properties of an Error.
     * @deprecated Use cim.Error.$Properties instead.
     */
    interface IError extends cim.Error.$Properties {
    }

    /** Represents an Error. */
    class Error {

        /**
         * Constructs a new Error.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Error.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Error code. */
        code: string;

        /** Error text. */
        text: string;

        /**
         * Encodes the specified Error message. Does not implicitly {@link cim.Error.verify|verify} messages.
         * @param message Error message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Error.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes an Error message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Error & cim.Error.$Shape} Error
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Error & cim.Error.$Shape;
    }

    namespace Error {

        /** Properties of an Error. */
        interface $Properties {

            /** Error code */
            code?: (string|null);

            /** Error text */
            text?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of an Error. */
        type $Shape = cim.Error.$Properties;
    }

    /** RpcStatus enum. */
    enum RpcStatus {

        /** REQUEST value */
        REQUEST = 0,

        /** OK value */
        OK = 1,

        /** FAILED value */
        FAILED = 2
    }

    /**
     * Properties of a RpcFrame.
     * @deprecated Use cim.RpcFrame.$Properties instead.
     */
    interface IRpcFrame extends cim.RpcFrame.$Properties {
    }

    /** Represents a RpcFrame. */
    class RpcFrame {

        /**
         * Constructs a new RpcFrame.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.RpcFrame.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** RpcFrame call. */
        call: number;

        /** RpcFrame status. */
        status: cim.RpcStatus;

        /** RpcFrame method. */
        method: number;

        /** RpcFrame payload. */
        payload: Uint8Array;

        /**
         * Encodes the specified RpcFrame message. Does not implicitly {@link cim.RpcFrame.verify|verify} messages.
         * @param message RpcFrame message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.RpcFrame.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a RpcFrame message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.RpcFrame & cim.RpcFrame.$Shape} RpcFrame
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.RpcFrame & cim.RpcFrame.$Shape;
    }

    namespace RpcFrame {

        /** Properties of a RpcFrame. */
        interface $Properties {

            /** RpcFrame call */
            call?: (number|null);

            /** RpcFrame status */
            status?: (cim.RpcStatus|null);

            /** RpcFrame method */
            method?: (number|null);

            /** RpcFrame payload */
            payload?: (Uint8Array|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a RpcFrame. */
        type $Shape = cim.RpcFrame.$Properties;
    }

    /**
     * Properties of a DeliverCall.
     * @deprecated Use cim.DeliverCall.$Properties instead.
     */
    interface IDeliverCall extends cim.DeliverCall.$Properties {
    }

    /** Represents a DeliverCall. */
    class DeliverCall {

        /**
         * Constructs a new DeliverCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.DeliverCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** DeliverCall deliveries. */
        deliveries: cim.Delivery.$Properties[];

        /** DeliverCall from. */
        from: string;

        /**
         * Encodes the specified DeliverCall message. Does not implicitly {@link cim.DeliverCall.verify|verify} messages.
         * @param message DeliverCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.DeliverCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a DeliverCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.DeliverCall & cim.DeliverCall.$Shape} DeliverCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.DeliverCall & cim.DeliverCall.$Shape;
    }

    namespace DeliverCall {

        /** Properties of a DeliverCall. */
        interface $Properties {

            /** DeliverCall deliveries */
            deliveries?: (cim.Delivery.$Properties[]|null);

            /** DeliverCall from */
            from?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a DeliverCall. */
        type $Shape = cim.DeliverCall.$Properties;
    }

    /**
     * Properties of a Delivery.
     * @deprecated Use cim.Delivery.$Properties instead.
     */
    interface IDelivery extends cim.Delivery.$Properties {
    }

    /** Represents a Delivery. */
    class Delivery {

        /**
         * Constructs a new Delivery.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Delivery.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Delivery user. */
        user: number;

        /** Delivery entry. */
        entry: Uint8Array;

        /**
         * Encodes the specified Delivery message. Does not implicitly {@link cim.Delivery.verify|verify} messages.
         * @param message Delivery message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Delivery.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Delivery message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Delivery & cim.Delivery.$Shape} Delivery
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Delivery & cim.Delivery.$Shape;
    }

    namespace Delivery {

        /** Properties of a Delivery. */
        interface $Properties {

            /** Delivery user */
            user?: (number|null);

            /** Delivery entry */
            entry?: (Uint8Array|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Delivery. */
        type $Shape = cim.Delivery.$Properties;
    }

    /**
     * Properties of a DeliverReply.
     * @deprecated Use cim.DeliverReply.$Properties instead.
     */
    interface IDeliverReply extends cim.DeliverReply.$Properties {
    }

    /** Represents a DeliverReply. */
    class DeliverReply {

        /**
         * Constructs a new DeliverReply.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.DeliverReply.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** DeliverReply gone. */
        gone: number[];

        /**
         * Encodes the specified DeliverReply message. Does not implicitly {@link cim.DeliverReply.verify|verify} messages.
         * @param message DeliverReply message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.DeliverReply.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a DeliverReply message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.DeliverReply & cim.DeliverReply.$Shape} DeliverReply
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.DeliverReply & cim.DeliverReply.$Shape;
    }

    namespace DeliverReply {

        /** Properties of a DeliverReply. */
        interface $Properties {

            /** DeliverReply gone */
            gone?: (number[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a DeliverReply. */
        type $Shape = cim.DeliverReply.$Properties;
    }

    /**
     * Properties of a BroadcastCall.
     * @deprecated Use cim.BroadcastCall.$Properties instead.
     */
    interface IBroadcastCall extends cim.BroadcastCall.$Properties {
    }

    /** Represents a BroadcastCall. */
    class BroadcastCall {

        /**
         * Constructs a new BroadcastCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.BroadcastCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** BroadcastCall group. */
        group: string;

        /** BroadcastCall entry. */
        entry: Uint8Array;

        /**
         * Encodes the specified BroadcastCall message. Does not implicitly {@link cim.BroadcastCall.verify|verify} messages.
         * @param message BroadcastCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.BroadcastCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a BroadcastCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.BroadcastCall & cim.BroadcastCall.$Shape} BroadcastCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.BroadcastCall & cim.BroadcastCall.$Shape;
    }

    namespace BroadcastCall {

        /** Properties of a BroadcastCall. */
        interface $Properties {

            /** BroadcastCall group */
            group?: (string|null);

            /** BroadcastCall entry */
            entry?: (Uint8Array|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a BroadcastCall. */
        type $Shape = cim.BroadcastCall.$Properties;
    }

    /**
     * Properties of a KickCall.
     * @deprecated Use cim.KickCall.$Properties instead.
     */
    interface IKickCall extends cim.KickCall.$Properties {
    }

    /** Represents a KickCall. */
    class KickCall {

        /**
         * Constructs a new KickCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.KickCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** KickCall user. */
        user: number;

        /** KickCall epoch. */
        epoch: number;

        /** KickCall reason. */
        reason: number;

        /** KickCall device. */
        device: string;

        /**
         * Encodes the specified KickCall message. Does not implicitly {@link cim.KickCall.verify|verify} messages.
         * @param message KickCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.KickCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a KickCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.KickCall & cim.KickCall.$Shape} KickCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.KickCall & cim.KickCall.$Shape;
    }

    namespace KickCall {

        /** Properties of a KickCall. */
        interface $Properties {

            /** KickCall user */
            user?: (number|null);

            /** KickCall epoch */
            epoch?: (number|null);

            /** KickCall reason */
            reason?: (number|null);

            /** KickCall device */
            device?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a KickCall. */
        type $Shape = cim.KickCall.$Properties;
    }

    /**
     * Properties of a SuspendedCall.
     * @deprecated Use cim.SuspendedCall.$Properties instead.
     */
    interface ISuspendedCall extends cim.SuspendedCall.$Properties {
    }

    /** Represents a SuspendedCall. */
    class SuspendedCall {

        /**
         * Constructs a new SuspendedCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.SuspendedCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** SuspendedCall subject. */
        subject: string;

        /** SuspendedCall leftMs. */
        leftMs: number;

        /**
         * Encodes the specified SuspendedCall message. Does not implicitly {@link cim.SuspendedCall.verify|verify} messages.
         * @param message SuspendedCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.SuspendedCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a SuspendedCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.SuspendedCall & cim.SuspendedCall.$Shape} SuspendedCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.SuspendedCall & cim.SuspendedCall.$Shape;
    }

    namespace SuspendedCall {

        /** Properties of a SuspendedCall. */
        interface $Properties {

            /** SuspendedCall subject */
            subject?: (string|null);

            /** SuspendedCall leftMs */
            leftMs?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a SuspendedCall. */
        type $Shape = cim.SuspendedCall.$Properties;
    }

    /**
     * Properties of a FetchOfflineCall.
     * @deprecated Use cim.FetchOfflineCall.$Properties instead.
     */
    interface IFetchOfflineCall extends cim.FetchOfflineCall.$Properties {
    }

    /** Represents a FetchOfflineCall. */
    class FetchOfflineCall {

        /**
         * Constructs a new FetchOfflineCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.FetchOfflineCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** FetchOfflineCall user. */
        user: number;

        /**
         * Encodes the specified FetchOfflineCall message. Does not implicitly {@link cim.FetchOfflineCall.verify|verify} messages.
         * @param message FetchOfflineCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.FetchOfflineCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a FetchOfflineCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.FetchOfflineCall & cim.FetchOfflineCall.$Shape} FetchOfflineCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.FetchOfflineCall & cim.FetchOfflineCall.$Shape;
    }

    namespace FetchOfflineCall {

        /** Properties of a FetchOfflineCall. */
        interface $Properties {

            /** FetchOfflineCall user */
            user?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a FetchOfflineCall. */
        type $Shape = cim.FetchOfflineCall.$Properties;
    }

    /**
     * Properties of a HoldsCall.
     * @deprecated Use cim.HoldsCall.$Properties instead.
     */
    interface IHoldsCall extends cim.HoldsCall.$Properties {
    }

    /** Represents a HoldsCall. */
    class HoldsCall {

        /**
         * Constructs a new HoldsCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.HoldsCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** HoldsCall user. */
        user: number;

        /** HoldsCall device. */
        device: string;

        /**
         * Encodes the specified HoldsCall message. Does not implicitly {@link cim.HoldsCall.verify|verify} messages.
         * @param message HoldsCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.HoldsCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a HoldsCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.HoldsCall & cim.HoldsCall.$Shape} HoldsCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.HoldsCall & cim.HoldsCall.$Shape;
    }

    namespace HoldsCall {

        /** Properties of a HoldsCall. */
        interface $Properties {

            /** HoldsCall user */
            user?: (number|null);

            /** HoldsCall device */
            device?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a HoldsCall. */
        type $Shape = cim.HoldsCall.$Properties;
    }

    /**
     * Properties of a HoldsReply.
     * @deprecated Use cim.HoldsReply.$Properties instead.
     */
    interface IHoldsReply extends cim.HoldsReply.$Properties {
    }

    /** Represents a HoldsReply. */
    class HoldsReply {

        /**
         * Constructs a new HoldsReply.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.HoldsReply.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** HoldsReply holds. */
        holds: boolean;

        /**
         * Encodes the specified HoldsReply message. Does not implicitly {@link cim.HoldsReply.verify|verify} messages.
         * @param message HoldsReply message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.HoldsReply.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a HoldsReply message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.HoldsReply & cim.HoldsReply.$Shape} HoldsReply
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.HoldsReply & cim.HoldsReply.$Shape;
    }

    namespace HoldsReply {

        /** Properties of a HoldsReply. */
        interface $Properties {

            /** HoldsReply holds */
            holds?: (boolean|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a HoldsReply. */
        type $Shape = cim.HoldsReply.$Properties;
    }

    /**
     * Properties of a LoadReply.
     * @deprecated Use cim.LoadReply.$Properties instead.
     */
    interface ILoadReply extends cim.LoadReply.$Properties {
    }

    /** Represents a LoadReply. */
    class LoadReply {

        /**
         * Constructs a new LoadReply.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.LoadReply.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** LoadReply sessions. */
        sessions: number;

        /** LoadReply connections. */
        connections: number;

        /** LoadReply cpuPermille. */
        cpuPermille: number;

        /** LoadReply loopDelayMs. */
        loopDelayMs: number;

        /** LoadReply rssBytes. */
        rssBytes: number;

        /** LoadReply serving. */
        serving: boolean;

        /** LoadReply traffic. */
        traffic?: (cim.Traffic.$Properties|null);

        /**
         * Encodes the specified LoadReply message. Does not implicitly {@link cim.LoadReply.verify|verify} messages.
         * @param message LoadReply message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.LoadReply.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a LoadReply message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.LoadReply & cim.LoadReply.$Shape} LoadReply
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.LoadReply & cim.LoadReply.$Shape;
    }

    namespace LoadReply {

        /** Properties of a LoadReply. */
        interface $Properties {

            /** LoadReply sessions */
            sessions?: (number|null);

            /** LoadReply connections */
            connections?: (number|null);

            /** LoadReply cpuPermille */
            cpuPermille?: (number|null);

            /** LoadReply loopDelayMs */
            loopDelayMs?: (number|null);

            /** LoadReply rssBytes */
            rssBytes?: (number|null);

            /** LoadReply serving */
            serving?: (boolean|null);

            /** LoadReply traffic */
            traffic?: (cim.Traffic.$Properties|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a LoadReply. */
        type $Shape = cim.LoadReply.$Properties;
    }

    /**
     * Properties of a Traffic.
     * @deprecated Use cim.Traffic.$Properties instead.
     */
    interface ITraffic extends cim.Traffic.$Properties {
    }

    /** Represents a Traffic. */
    class Traffic {

        /**
         * Constructs a new Traffic.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Traffic.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Traffic sends. */
        sends: number[];

        /** Traffic deliveries. */
        deliveries: number;

        /** Traffic refusedConnections. */
        refusedConnections: number;

        /** Traffic sendDurations. */
        sendDurations: number[];

        /** Traffic deliveryDurations. */
        deliveryDurations: number[];

        /**
         * Encodes the specified Traffic message. Does not implicitly {@link cim.Traffic.verify|verify} messages.
         * @param message Traffic message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Traffic.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Traffic message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Traffic & cim.Traffic.$Shape} Traffic
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Traffic & cim.Traffic.$Shape;
    }

    namespace Traffic {

        /** Properties of a Traffic. */
        interface $Properties {

            /** Traffic sends */
            sends?: (number[]|null);

            /** Traffic deliveries */
            deliveries?: (number|null);

            /** Traffic refusedConnections */
            refusedConnections?: (number|null);

            /** Traffic sendDurations */
            sendDurations?: (number[]|null);

            /** Traffic deliveryDurations */
            deliveryDurations?: (number[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Traffic. */
        type $Shape = cim.Traffic.$Properties;
    }

    /**
     * Properties of a PlacesCall.
     * @deprecated Use cim.PlacesCall.$Properties instead.
     */
    interface IPlacesCall extends cim.PlacesCall.$Properties {
    }

    /** Represents a PlacesCall. */
    class PlacesCall {

        /**
         * Constructs a new PlacesCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.PlacesCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** PlacesCall users. */
        users: number[];

        /** PlacesCall group. */
        group: string;

        /**
         * Encodes the specified PlacesCall message. Does not implicitly {@link cim.PlacesCall.verify|verify} messages.
         * @param message PlacesCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.PlacesCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a PlacesCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.PlacesCall & cim.PlacesCall.$Shape} PlacesCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.PlacesCall & cim.PlacesCall.$Shape;
    }

    namespace PlacesCall {

        /** Properties of a PlacesCall. */
        interface $Properties {

            /** PlacesCall users */
            users?: (number[]|null);

            /** PlacesCall group */
            group?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a PlacesCall. */
        type $Shape = cim.PlacesCall.$Properties;
    }

    /**
     * Properties of a PlacesReply.
     * @deprecated Use cim.PlacesReply.$Properties instead.
     */
    interface IPlacesReply extends cim.PlacesReply.$Properties {
    }

    /** Represents a PlacesReply. */
    class PlacesReply {

        /**
         * Constructs a new PlacesReply.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.PlacesReply.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** PlacesReply places. */
        places: cim.Place.$Properties[];

        /**
         * Encodes the specified PlacesReply message. Does not implicitly {@link cim.PlacesReply.verify|verify} messages.
         * @param message PlacesReply message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.PlacesReply.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a PlacesReply message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.PlacesReply & cim.PlacesReply.$Shape} PlacesReply
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.PlacesReply & cim.PlacesReply.$Shape;
    }

    namespace PlacesReply {

        /** Properties of a PlacesReply. */
        interface $Properties {

            /** PlacesReply places */
            places?: (cim.Place.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a PlacesReply. */
        type $Shape = cim.PlacesReply.$Properties;
    }

    /**
     * Properties of a Place.
     * @deprecated Use cim.Place.$Properties instead.
     */
    interface IPlace extends cim.Place.$Properties {
    }

    /** Represents a Place. */
    class Place {

        /**
         * Constructs a new Place.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.Place.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** Place user. */
        user: number;

        /** Place device. */
        device: string;

        /** Place epoch. */
        epoch: number;

        /** Place address. */
        address: string;

        /** Place follows. */
        follows: boolean;

        /** Place sent. */
        sent: number;

        /** Place acked. */
        acked: number;

        /**
         * Encodes the specified Place message. Does not implicitly {@link cim.Place.verify|verify} messages.
         * @param message Place message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.Place.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a Place message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.Place & cim.Place.$Shape} Place
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.Place & cim.Place.$Shape;
    }

    namespace Place {

        /** Properties of a Place. */
        interface $Properties {

            /** Place user */
            user?: (number|null);

            /** Place device */
            device?: (string|null);

            /** Place epoch */
            epoch?: (number|null);

            /** Place address */
            address?: (string|null);

            /** Place follows */
            follows?: (boolean|null);

            /** Place sent */
            sent?: (number|null);

            /** Place acked */
            acked?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a Place. */
        type $Shape = cim.Place.$Properties;
    }

    /**
     * Properties of a DeliveredCall.
     * @deprecated Use cim.DeliveredCall.$Properties instead.
     */
    interface IDeliveredCall extends cim.DeliveredCall.$Properties {
    }

    /** Represents a DeliveredCall. */
    class DeliveredCall {

        /**
         * Constructs a new DeliveredCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.DeliveredCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** DeliveredCall notices. */
        notices: cim.DeliveredNotice.$Properties[];

        /**
         * Encodes the specified DeliveredCall message. Does not implicitly {@link cim.DeliveredCall.verify|verify} messages.
         * @param message DeliveredCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.DeliveredCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a DeliveredCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.DeliveredCall & cim.DeliveredCall.$Shape} DeliveredCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.DeliveredCall & cim.DeliveredCall.$Shape;
    }

    namespace DeliveredCall {

        /** Properties of a DeliveredCall. */
        interface $Properties {

            /** DeliveredCall notices */
            notices?: (cim.DeliveredNotice.$Properties[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a DeliveredCall. */
        type $Shape = cim.DeliveredCall.$Properties;
    }

    /**
     * Properties of a DeliveredNotice.
     * @deprecated Use cim.DeliveredNotice.$Properties instead.
     */
    interface IDeliveredNotice extends cim.DeliveredNotice.$Properties {
    }

    /** Represents a DeliveredNotice. */
    class DeliveredNotice {

        /**
         * Constructs a new DeliveredNotice.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.DeliveredNotice.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** DeliveredNotice sender. */
        sender: number;

        /** DeliveredNotice to. */
        to: number;

        /** DeliveredNotice seq. */
        seq: number;

        /**
         * Encodes the specified DeliveredNotice message. Does not implicitly {@link cim.DeliveredNotice.verify|verify} messages.
         * @param message DeliveredNotice message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.DeliveredNotice.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a DeliveredNotice message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.DeliveredNotice & cim.DeliveredNotice.$Shape} DeliveredNotice
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.DeliveredNotice & cim.DeliveredNotice.$Shape;
    }

    namespace DeliveredNotice {

        /** Properties of a DeliveredNotice. */
        interface $Properties {

            /** DeliveredNotice sender */
            sender?: (number|null);

            /** DeliveredNotice to */
            to?: (number|null);

            /** DeliveredNotice seq */
            seq?: (number|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a DeliveredNotice. */
        type $Shape = cim.DeliveredNotice.$Properties;
    }

    /**
     * Properties of a SignalCall.
     * @deprecated Use cim.SignalCall.$Properties instead.
     */
    interface ISignalCall extends cim.SignalCall.$Properties {
    }

    /** Represents a SignalCall. */
    class SignalCall {

        /**
         * Constructs a new SignalCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.SignalCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** SignalCall users. */
        users: number[];

        /** SignalCall signal. */
        signal?: (cim.Signal.$Properties|null);

        /**
         * Encodes the specified SignalCall message. Does not implicitly {@link cim.SignalCall.verify|verify} messages.
         * @param message SignalCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.SignalCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a SignalCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.SignalCall & cim.SignalCall.$Shape} SignalCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.SignalCall & cim.SignalCall.$Shape;
    }

    namespace SignalCall {

        /** Properties of a SignalCall. */
        interface $Properties {

            /** SignalCall users */
            users?: (number[]|null);

            /** SignalCall signal */
            signal?: (cim.Signal.$Properties|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a SignalCall. */
        type $Shape = cim.SignalCall.$Properties;
    }

    /**
     * Properties of a GroupsCall.
     * @deprecated Use cim.GroupsCall.$Properties instead.
     */
    interface IGroupsCall extends cim.GroupsCall.$Properties {
    }

    /** Represents a GroupsCall. */
    class GroupsCall {

        /**
         * Constructs a new GroupsCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.GroupsCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** GroupsCall users. */
        users: number[];

        /**
         * Encodes the specified GroupsCall message. Does not implicitly {@link cim.GroupsCall.verify|verify} messages.
         * @param message GroupsCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.GroupsCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a GroupsCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.GroupsCall & cim.GroupsCall.$Shape} GroupsCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.GroupsCall & cim.GroupsCall.$Shape;
    }

    namespace GroupsCall {

        /** Properties of a GroupsCall. */
        interface $Properties {

            /** GroupsCall users */
            users?: (number[]|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a GroupsCall. */
        type $Shape = cim.GroupsCall.$Properties;
    }

    /** MoveAct enum. */
    enum MoveAct {

        /** ASK_MOVE value */
        ASK_MOVE = 0,

        /** DRAIN value */
        DRAIN = 1,

        /** REBALANCE value */
        REBALANCE = 2,

        /** END_MOVE value */
        END_MOVE = 3
    }

    /**
     * Properties of a MoveCall.
     * @deprecated Use cim.MoveCall.$Properties instead.
     */
    interface IMoveCall extends cim.MoveCall.$Properties {
    }

    /** Represents a MoveCall. */
    class MoveCall {

        /**
         * Constructs a new MoveCall.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.MoveCall.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** MoveCall act. */
        act: cim.MoveAct;

        /** MoveCall rate. */
        rate: number;

        /** MoveCall keep. */
        keep: number;

        /** MoveCall thenExit. */
        thenExit: boolean;

        /**
         * Encodes the specified MoveCall message. Does not implicitly {@link cim.MoveCall.verify|verify} messages.
         * @param message MoveCall message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.MoveCall.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a MoveCall message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.MoveCall & cim.MoveCall.$Shape} MoveCall
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.MoveCall & cim.MoveCall.$Shape;
    }

    namespace MoveCall {

        /** Properties of a MoveCall. */
        interface $Properties {

            /** MoveCall act */
            act?: (cim.MoveAct|null);

            /** MoveCall rate */
            rate?: (number|null);

            /** MoveCall keep */
            keep?: (number|null);

            /** MoveCall thenExit */
            thenExit?: (boolean|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a MoveCall. */
        type $Shape = cim.MoveCall.$Properties;
    }

    /**
     * Properties of a MoveReply.
     * @deprecated Use cim.MoveReply.$Properties instead.
     */
    interface IMoveReply extends cim.MoveReply.$Properties {
    }

    /** Represents a MoveReply. */
    class MoveReply {

        /**
         * Constructs a new MoveReply.
         * @param [properties] Properties to set
         */
        constructor(properties?: cim.MoveReply.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** MoveReply moving. */
        moving: cim.MoveAct;

        /** MoveReply own. */
        own: number;

        /** MoveReply cim. */
        cim: number;

        /** MoveReply left. */
        left: number;

        /** MoveReply moved. */
        moved: number;

        /** MoveReply rate. */
        rate: number;

        /** MoveReply thenExit. */
        thenExit: boolean;

        /** MoveReply waits. */
        waits: string;

        /**
         * Encodes the specified MoveReply message. Does not implicitly {@link cim.MoveReply.verify|verify} messages.
         * @param message MoveReply message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: cim.MoveReply.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a MoveReply message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {cim.MoveReply & cim.MoveReply.$Shape} MoveReply
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): cim.MoveReply & cim.MoveReply.$Shape;
    }

    namespace MoveReply {

        /** Properties of a MoveReply. */
        interface $Properties {

            /** MoveReply moving */
            moving?: (cim.MoveAct|null);

            /** MoveReply own */
            own?: (number|null);

            /** MoveReply cim */
            cim?: (number|null);

            /** MoveReply left */
            left?: (number|null);

            /** MoveReply moved */
            moved?: (number|null);

            /** MoveReply rate */
            rate?: (number|null);

            /** MoveReply thenExit */
            thenExit?: (boolean|null);

            /** MoveReply waits */
            waits?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a MoveReply. */
        type $Shape = cim.MoveReply.$Properties;
    }
}
