// What a C program does with hiredis: one connection, pipelines, any bytes.
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(true)                                                  \
	do {                                                         \
		if (!(true)) {                                       \
			fprintf(stderr, "line %d: %s\n", __LINE__, #true); \
			exit(1);                                     \
		}                                                    \
	} while (0)

int main(void) {
	redisContext *c = getenv("REDIS_SOCKET") ? redisConnectUnix(getenv("REDIS_SOCKET"))
	                                         : redisConnect(getenv("REDIS_HOST"), atoi(getenv("REDIS_PORT")));
	CHECK(c && !c->err);
	char bytes[256];
	for (int i = 0; i < 256; i++) bytes[i] = (char)i;
	redisReply *r = redisCommand(c, "SET %b %b EX 60", bytes, sizeof bytes, bytes, sizeof bytes);
	CHECK(r && r->type == REDIS_REPLY_STATUS && !strcmp(r->str, "OK"));
	freeReplyObject(r);
	r = redisCommand(c, "GET %b", bytes, sizeof bytes);
	CHECK(r && r->type == REDIS_REPLY_STRING && r->len == sizeof bytes && !memcmp(r->str, bytes, sizeof bytes));
	freeReplyObject(r);
	r = redisCommand(c, "DEL depth");
	freeReplyObject(r);
	for (int i = 0; i < 10000; i++) CHECK(redisAppendCommand(c, i % 100 ? "INCR depth" : "NOSUCH %d", i) == REDIS_OK);
	for (int i = 0, n = 0; i < 10000; i++) {
		CHECK(redisGetReply(c, (void **)&r) == REDIS_OK);
		if (i % 100) CHECK(r->type == REDIS_REPLY_INTEGER && r->integer == ++n);
		else CHECK(r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "ERR unknown command", 19));
		freeReplyObject(r);
	}
	redisFree(c);
	return 0;
}
