import * as z from 'zod';

/** What the jobs of instances take, and what they leave. */

declare const onTimeout: z.ZodEnum<{
    delete: "delete";
    keep: "keep";
    stop: "stop";
}>;
/** What happens to an instance that does not run in time: removed (default), stopped, or left alone. */
type OnTimeout = z.infer<typeof onTimeout>;
/** `create_instance`: rents exactly one instance. Sizes are GB, times milliseconds. */
declare const createInstancePayload: z.ZodObject<{
    instanceId: z.ZodString;
    name: z.ZodString;
    productName: z.ZodString;
    templateId: z.ZodString;
    gpuNum: z.ZodNumber;
    rootfsSize: z.ZodNumber;
    region: z.ZodString;
    billingMode: z.ZodOptional<z.ZodEnum<{
        on_demand: "on_demand";
        spot: "spot";
    }>>;
    regions: z.ZodOptional<z.ZodArray<z.ZodString>>;
    products: z.ZodOptional<z.ZodArray<z.ZodString>>;
    billingModes: z.ZodOptional<z.ZodArray<z.ZodEnum<{
        on_demand: "on_demand";
        spot: "spot";
    }>>>;
    providers: z.ZodOptional<z.ZodArray<z.ZodString>>;
    templateIds: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodString>>;
    placement: z.ZodOptional<z.ZodEnum<{
        cheapest: "cheapest";
        fastest: "fastest";
        ordered: "ordered";
    }>>;
    maxPricePerHour: z.ZodOptional<z.ZodNumber>;
    offerTimeoutMs: z.ZodOptional<z.ZodNumber>;
    watch: z.ZodOptional<z.ZodObject<{
        webhookUrl: z.ZodOptional<z.ZodString>;
        on: z.ZodOptional<z.ZodObject<{
            deleted: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            failed: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            priceChanged: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            spotInterrupted: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            stopped: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            unhealthy: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
        }, z.core.$strict>>;
        health: z.ZodOptional<z.ZodObject<{
            ports: z.ZodOptional<z.ZodArray<z.ZodNumber>>;
            path: z.ZodOptional<z.ZodString>;
            expectStatus: z.ZodOptional<z.ZodNumber>;
            probeTimeoutMs: z.ZodOptional<z.ZodNumber>;
            failures: z.ZodOptional<z.ZodNumber>;
        }, z.core.$strict>>;
        minIntervalMs: z.ZodOptional<z.ZodNumber>;
        maxIntervalMs: z.ZodOptional<z.ZodNumber>;
        priceIntervalMs: z.ZodOptional<z.ZodUnion<[z.ZodNumber, z.ZodLiteral<0>]>>;
        pricePerHour: z.ZodOptional<z.ZodNumber>;
        reported: z.ZodOptional<z.ZodArray<z.ZodEnum<{
            deleted: "deleted";
            failed: "failed";
            priceChanged: "priceChanged";
            spotInterrupted: "spotInterrupted";
            stopped: "stopped";
            unhealthy: "unhealthy";
        }>>>;
    }, z.core.$strict>>;
    lease: z.ZodOptional<z.ZodObject<{
        ms: z.ZodNumber;
        endUrl: z.ZodOptional<z.ZodString>;
    }, z.core.$strict>>;
    avoid: z.ZodOptional<z.ZodArray<z.ZodString>>;
    deadline: z.ZodOptional<z.ZodPreprocess<z.ZodISODateTime, string | Date>>;
    waitForCapacityUntil: z.ZodOptional<z.ZodPreprocess<z.ZodISODateTime, string | Date>>;
    webhookUrl: z.ZodOptional<z.ZodString>;
    maxWaitTime: z.ZodOptional<z.ZodNumber>;
    onTimeout: z.ZodOptional<z.ZodEnum<{
        delete: "delete";
        keep: "keep";
        stop: "stop";
    }>>;
}, z.core.$strict>;
type CreateInstancePayload = z.infer<typeof createInstancePayload>;
/** The `result` of a completed `create_instance`. */
declare const createInstanceResult: z.ZodObject<{
    novitaInstanceId: z.ZodString;
    provider: z.ZodOptional<z.ZodString>;
    region: z.ZodOptional<z.ZodString>;
    productId: z.ZodOptional<z.ZodString>;
    adopted: z.ZodBoolean;
    duplicates: z.ZodOptional<z.ZodArray<z.ZodString>>;
}, z.core.$strip>;
type CreateInstanceResult = z.infer<typeof createInstanceResult>;
/** `monitor_instance`: watches an instance until it runs, or until `maxWaitTime` has passed since `startTime`. */
declare const monitorInstancePayload: z.ZodObject<{
    instanceId: z.ZodString;
    novitaInstanceId: z.ZodString;
    startTime: z.ZodPreprocess<z.ZodISODateTime, string | Date>;
    maxWaitTime: z.ZodDefault<z.ZodNumber>;
    webhookUrl: z.ZodOptional<z.ZodString>;
    onTimeout: z.ZodOptional<z.ZodEnum<{
        delete: "delete";
        keep: "keep";
        stop: "stop";
    }>>;
    offerTimeoutMs: z.ZodOptional<z.ZodNumber>;
    nextOffer: z.ZodOptional<z.ZodObject<{
        instanceId: z.ZodString;
        name: z.ZodString;
        productName: z.ZodString;
        templateId: z.ZodString;
        gpuNum: z.ZodNumber;
        rootfsSize: z.ZodNumber;
        region: z.ZodString;
        billingMode: z.ZodOptional<z.ZodEnum<{
            on_demand: "on_demand";
            spot: "spot";
        }>>;
        regions: z.ZodOptional<z.ZodArray<z.ZodString>>;
        products: z.ZodOptional<z.ZodArray<z.ZodString>>;
        billingModes: z.ZodOptional<z.ZodArray<z.ZodEnum<{
            on_demand: "on_demand";
            spot: "spot";
        }>>>;
        providers: z.ZodOptional<z.ZodArray<z.ZodString>>;
        templateIds: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodString>>;
        placement: z.ZodOptional<z.ZodEnum<{
            cheapest: "cheapest";
            fastest: "fastest";
            ordered: "ordered";
        }>>;
        maxPricePerHour: z.ZodOptional<z.ZodNumber>;
        offerTimeoutMs: z.ZodOptional<z.ZodNumber>;
        watch: z.ZodOptional<z.ZodObject<{
            webhookUrl: z.ZodOptional<z.ZodString>;
            on: z.ZodOptional<z.ZodObject<{
                deleted: z.ZodOptional<z.ZodEnum<{
                    delete: "delete";
                    ignore: "ignore";
                    migrate: "migrate";
                    notify: "notify";
                    replace: "replace";
                }>>;
                failed: z.ZodOptional<z.ZodEnum<{
                    delete: "delete";
                    ignore: "ignore";
                    migrate: "migrate";
                    notify: "notify";
                    replace: "replace";
                }>>;
                priceChanged: z.ZodOptional<z.ZodEnum<{
                    delete: "delete";
                    ignore: "ignore";
                    migrate: "migrate";
                    notify: "notify";
                    replace: "replace";
                }>>;
                spotInterrupted: z.ZodOptional<z.ZodEnum<{
                    delete: "delete";
                    ignore: "ignore";
                    migrate: "migrate";
                    notify: "notify";
                    replace: "replace";
                }>>;
                stopped: z.ZodOptional<z.ZodEnum<{
                    delete: "delete";
                    ignore: "ignore";
                    migrate: "migrate";
                    notify: "notify";
                    replace: "replace";
                }>>;
                unhealthy: z.ZodOptional<z.ZodEnum<{
                    delete: "delete";
                    ignore: "ignore";
                    migrate: "migrate";
                    notify: "notify";
                    replace: "replace";
                }>>;
            }, z.core.$strict>>;
            health: z.ZodOptional<z.ZodObject<{
                ports: z.ZodOptional<z.ZodArray<z.ZodNumber>>;
                path: z.ZodOptional<z.ZodString>;
                expectStatus: z.ZodOptional<z.ZodNumber>;
                probeTimeoutMs: z.ZodOptional<z.ZodNumber>;
                failures: z.ZodOptional<z.ZodNumber>;
            }, z.core.$strict>>;
            minIntervalMs: z.ZodOptional<z.ZodNumber>;
            maxIntervalMs: z.ZodOptional<z.ZodNumber>;
            priceIntervalMs: z.ZodOptional<z.ZodUnion<[z.ZodNumber, z.ZodLiteral<0>]>>;
            pricePerHour: z.ZodOptional<z.ZodNumber>;
            reported: z.ZodOptional<z.ZodArray<z.ZodEnum<{
                deleted: "deleted";
                failed: "failed";
                priceChanged: "priceChanged";
                spotInterrupted: "spotInterrupted";
                stopped: "stopped";
                unhealthy: "unhealthy";
            }>>>;
        }, z.core.$strict>>;
        lease: z.ZodOptional<z.ZodObject<{
            ms: z.ZodNumber;
            endUrl: z.ZodOptional<z.ZodString>;
        }, z.core.$strict>>;
        avoid: z.ZodOptional<z.ZodArray<z.ZodString>>;
        deadline: z.ZodOptional<z.ZodPreprocess<z.ZodISODateTime, string | Date>>;
        waitForCapacityUntil: z.ZodOptional<z.ZodPreprocess<z.ZodISODateTime, string | Date>>;
        webhookUrl: z.ZodOptional<z.ZodString>;
        maxWaitTime: z.ZodOptional<z.ZodNumber>;
        onTimeout: z.ZodOptional<z.ZodEnum<{
            delete: "delete";
            keep: "keep";
            stop: "stop";
        }>>;
    }, z.core.$strict>>;
    nextOptions: z.ZodOptional<z.ZodObject<{
        maxAttempts: z.ZodOptional<z.ZodNumber>;
        timeoutMs: z.ZodOptional<z.ZodNumber>;
        tags: z.ZodOptional<z.ZodArray<z.ZodString>>;
    }, z.core.$strict>>;
    watch: z.ZodOptional<z.ZodObject<{
        webhookUrl: z.ZodOptional<z.ZodString>;
        on: z.ZodOptional<z.ZodObject<{
            deleted: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            failed: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            priceChanged: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            spotInterrupted: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            stopped: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
            unhealthy: z.ZodOptional<z.ZodEnum<{
                delete: "delete";
                ignore: "ignore";
                migrate: "migrate";
                notify: "notify";
                replace: "replace";
            }>>;
        }, z.core.$strict>>;
        health: z.ZodOptional<z.ZodObject<{
            ports: z.ZodOptional<z.ZodArray<z.ZodNumber>>;
            path: z.ZodOptional<z.ZodString>;
            expectStatus: z.ZodOptional<z.ZodNumber>;
            probeTimeoutMs: z.ZodOptional<z.ZodNumber>;
            failures: z.ZodOptional<z.ZodNumber>;
        }, z.core.$strict>>;
        minIntervalMs: z.ZodOptional<z.ZodNumber>;
        maxIntervalMs: z.ZodOptional<z.ZodNumber>;
        priceIntervalMs: z.ZodOptional<z.ZodUnion<[z.ZodNumber, z.ZodLiteral<0>]>>;
        pricePerHour: z.ZodOptional<z.ZodNumber>;
        reported: z.ZodOptional<z.ZodArray<z.ZodEnum<{
            deleted: "deleted";
            failed: "failed";
            priceChanged: "priceChanged";
            spotInterrupted: "spotInterrupted";
            stopped: "stopped";
            unhealthy: "unhealthy";
        }>>>;
        createJobId: z.ZodOptional<z.ZodString>;
    }, z.core.$strict>>;
}, z.core.$strict>;
type MonitorInstancePayload = z.infer<typeof monitorInstancePayload>;
/** The `result` of a completed `monitor_instance`: it runs, or was deleted in time for the next offer. */
declare const monitorInstanceResult: z.ZodObject<{
    novitaInstanceId: z.ZodString;
    status: z.ZodEnum<{
        replaced: "replaced";
        running: "running";
    }>;
    elapsedTime: z.ZodNumber;
}, z.core.$strip>;
type MonitorInstanceResult = z.infer<typeof monitorInstanceResult>;
/**
 * `delete_instance`: deletes what a job has rented, until the provider says that it is gone: one instance by the
 * provider's id, or every instance of a name that was recorded before a create.
 */
declare const deleteInstancePayload: z.ZodObject<{
    instanceId: z.ZodString;
    novitaInstanceId: z.ZodOptional<z.ZodString>;
    instanceName: z.ZodOptional<z.ZodString>;
    webhookUrl: z.ZodOptional<z.ZodString>;
}, z.core.$strict>;
type DeleteInstancePayload = z.infer<typeof deleteInstancePayload>;
/** The `result` of a completed `delete_instance`. */
declare const deleteInstanceResult: z.ZodObject<{
    deleted: z.ZodArray<z.ZodString>;
}, z.core.$strip>;
type DeleteInstanceResult = z.infer<typeof deleteInstanceResult>;

export { createInstancePayload, deleteInstancePayload, monitorInstancePayload };
export type { CreateInstancePayload, CreateInstanceResult, DeleteInstancePayload, DeleteInstanceResult, MonitorInstancePayload, MonitorInstanceResult, OnTimeout };
