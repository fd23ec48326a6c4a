/*
 * Adds a job with the C client (Debian: libnats-dev).
 *
 * build: cc publish.c -lnats -o publish
 * usage: publish <host> <port> <subject> <payload>
 */
#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char url[256];
    natsConnection *connection = NULL;
    jsCtx *js = NULL;
    natsMsg *message = NULL;
    jsPubAck *stored = NULL;
    jsErrCode code = 0;

    if (argc != 5)
    {
        fprintf(stderr, "usage: publish <host> <port> <subject> <payload>\n");
        return 2;
    }
    snprintf(url, sizeof url, "nats://%s:%s", argv[1], argv[2]);
    natsStatus status = natsConnection_ConnectTo(&connection, url);
    if (status == NATS_OK)
        status = natsConnection_JetStream(&js, connection, NULL);
    if (status == NATS_OK)
        status = natsMsg_Create(&message, argv[3], NULL, argv[4], (int)strlen(argv[4]));
    if (status == NATS_OK)
        status = natsMsgHeader_Set(message, "Jetfleet-Max-Attempts", "5");
    /* Waits until the server has confirmed that the job is stored. */
    if (status == NATS_OK)
        status = js_PublishMsg(&stored, js, message, NULL, &code);
    if (status == NATS_OK)
        printf("{\"stream\":\"%s\",\"seq\":%llu}\n", stored->Stream, (unsigned long long)stored->Sequence);
    else
        fprintf(stderr, "%s (JetStream error %d)\n", natsStatus_GetText(status), code);

    jsPubAck_Destroy(stored);
    natsMsg_Destroy(message);
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    nats_Close();
    return status == NATS_OK ? 0 : 1;
}
