curl -X PATCH "https://api.truedy.ai/api/public/v1/agents/1f4baf16-1540-4d91-9696-7f34b2f2cb77" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "recording_enabled": true,
    "temperature": 0.2,
    "max_duration": "600s"
  }'
