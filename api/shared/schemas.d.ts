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

export { createInstancePayload as c, deleteInstancePayload as d, monitorInstancePayload as m };
export type { CreateInstancePayload as C, DeleteInstancePayload as D, MonitorInstancePayload as M, OnTimeout as O, CreateInstanceResult as a, DeleteInstanceResult as b, MonitorInstanceResult as e };
